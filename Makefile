# make demo    what DiAD finds, on built-in images, without PyTorch
# make test    all tests (a development environment with PyTorch is made first)
# make check   style, types, and the one-way flow of imports
# make docs    the documentation's site: docs/_build/html
# make gpu     test and measure on the NVIDIA GPU at hand: gpu-report/ and gpu-report.tar.gz
# make train   train the demo's model again, and build its bundle

PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo
DEMO_OUT ?= demo-out
GPU_REPORT ?= gpu-report
GPU_MINUTES ?= 10

# torchvision fits one torch only; timm and diffusers import it
TORCH = torch==2.14.1 torchvision==0.29.1

.PHONY: demo test test-slow check docs gpu format train bundle clean

demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/diad-run --demo -o $(DEMO_OUT) --force

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

test-slow: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -m slow

check: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.installed
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html

format: $(VENV)/.installed
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# in any environment: PYTHON names it, and nothing is installed
gpu:
	@PYTHONPATH=.:benchmarks:export:evaluation:$$PYTHONPATH $(PYTHON) -m diad_benchmarks.studies.gpu_report -o $(GPU_REPORT) --minutes $(GPU_MINUTES)

train: $(VENV)/.installed
	$(VENV)/bin/python -m demo.train
	$(MAKE) bundle

bundle: $(VENV)/.installed
	$(VENV)/bin/diad-export build demo/checkpoint.safetensors -o diad_deploy/builtin/bundle --force

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet $(TORCH)
	$(VENV)/bin/pip install --quiet --editable ".[cpu,export,tensorrt-rtx,demo,evaluate,benchmarks,docs,dev]"
	touch $@

$(DEMO_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/pip install --quiet ".[cpu]"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO_VENV) $(DEMO_OUT) build dist docs/_build
