"""Stand-ins for CUDA's libraries, compiled for one installed onnxruntime-gpu."""

import re
import subprocess
from pathlib import Path

PROVIDER = Path("onnxruntime/capi/libonnxruntime_providers_cuda.so")
TOOLS = ("gcc", "readelf")
_LOADED_LATER = ("libcudnn.so.9", "libcuda.so.1")
"""Opened by name by versions that do not link it."""


def make_cuda(site: Path) -> Path:
    """Make the folder of libraries for the onnxruntime-gpu in `site`; returns it."""
    folder = site / "cuda"
    folder.mkdir()
    provider = site / PROVIDER
    rest = folder / "rest.c"
    # weak, so that the functions in cuda.c replace them
    rest.write_text(
        "".join(
            f"__attribute__((weak)) int {name}(void) {{ return 0; }}\n"
            for name in sorted(_called(provider))
        )
    )
    library = folder / "libstandin.so"
    written = Path(__file__).with_name("cuda.c")
    # their declarations differ from CUDA's and the compiler's
    flags = ("-w", "-shared", "-fPIC", "-fno-builtin")
    subprocess.run(["gcc", *flags, "-o", library, written, rest], check=True)
    for name in {*_linked(provider), *_LOADED_LATER}:
        (folder / name).symlink_to(library.name)
    return folder


def _called(provider: Path) -> set[str]:
    """CUDA's functions that the provider links, and those of cuDNN that it looks up by name."""
    symbols = re.findall(r" UND ((?:cu|__cuda)\w+)", _read(provider, "--dyn-syms"))
    looked_up = re.findall(rb"\0(cudnn[A-Z]\w*)(?=\0)", provider.read_bytes())
    return {*symbols, *(name.decode() for name in looked_up)}


def _linked(provider: Path) -> set[str]:
    return set(re.findall(r"\[(lib(?:cu|nv)\w+\.so\.\d+)\]", _read(provider, "--dynamic")))


def _read(provider: Path, what: str) -> str:
    words = ["readelf", "--wide", what, provider]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
