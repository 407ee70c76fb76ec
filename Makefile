# make demo    what DiAD finds, on built-in images, without PyTorch
# make test    all tests (a development environment with PyTorch is made first)
# make test-runtime   the runtime's tests in `make demo`'s environment, without PyTorch and onnx
# make coverage       all tests, and which lines and branches they ran: coverage.xml, coverage-html/
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

RUNTIME_TESTS = tests/diad_deploy tests/simulator tests/test_environment.py tests/test_telemetry.py

# torchvision fits one torch only; timm and diffusers import it
TORCH = torch==2.14.1 torchvision==0.29.1

.PHONY: demo test test-runtime test-slow coverage check docs gpu format train bundle clean

demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/diad-run --demo -o $(DEMO_OUT) --force

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# COVERAGE=--cov=diad_deploy measures lines and branches on the way; left out are the two longest
# (the built-in bundle on simulated GPUs) and one that measures time
test-runtime: $(DEMO_VENV)/.for-tests
	DIAD_RUNTIME_ONLY=1 $(DEMO_VENV)/bin/python -m pytest -n 2 --dist worksteal $(COVERAGE) \
	  -m "not browser and not gpu and not slow" -k "not the_demo_gives and not adds_little" \
	  $(RUNTIME_TESTS)

coverage: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --cov --cov-report=term --cov-report=xml --cov-report=html

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

$(DEMO_VENV)/.for-tests: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/pip install --quiet --editable ".[cpu,test]"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO_VENV) $(DEMO_OUT) build dist .coverage* coverage.xml coverage-html docs/_build
