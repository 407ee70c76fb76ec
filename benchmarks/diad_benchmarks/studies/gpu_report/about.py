"""Where a report comes from: card, driver, versions, commit."""

import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from diad_benchmarks.measure.machine import describe_machine
from diad_deploy.backends import NvidiaDriver

_OF_INTEREST = ("cuda", "nvidia", "onnx", "polygraphy", "tensorrt", "torch", "triton")


def about(driver: NvidiaDriver, root: Path) -> dict[str, Any]:
    """Everything that another reader of the figures would ask, as plain JSON."""
    machine = asdict(describe_machine())
    machine["versions"] = {**machine["versions"], **_versions()}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git(root, "rev-parse", "HEAD"),
        "changed_files": (_git(root, "status", "--porcelain") or "").splitlines(),
        "driver": asdict(driver),
        "machine": machine,
    }


def _versions() -> dict[str, str]:
    found = {str(package.metadata["Name"]): package.version for package in distributions()}
    return {name: found[name] for name in sorted(found) if name.lower().startswith(_OF_INTEREST)}


def _git(root: Path, *words: str) -> str | None:
    """What git says; None where there is no git, or no repository."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None
