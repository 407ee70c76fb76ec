"""The manifest of a bundle, `bundle.json`, as frozen dataclasses.

The manifest is the contract between the export and the runtime: the export writes it last, and the
runtime takes every constant from it. This module does not access the file system;
`diad_deploy.bundle.folder` does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from diad_deploy.bundle.checksum import FIELD, add_checksum, checksum_fault
from diad_deploy.bundle.engine_spec import EngineSpec, Target
from diad_deploy.bundle.numbers import number_faults
from diad_deploy.bundle.precision_spec import PrecisionSpec
from diad_deploy.errors import BundleDamagedError, BundleVersionError
from diad_deploy.files.strict_json import parse_object, read_record
from diad_deploy.record import Record

FORMAT_REVISION = 4
"""Increased whenever an older runtime could misread a newer bundle; 1 to this one can be read."""

CHECKSUM_SINCE = 4
"""The first revision whose manifests contain their own checksum."""

GRAPH_NAMES = ("encoder", "denoiser", "decoder", "scorer")

Posterior = Literal["mode", "sample"]
Spacing = Literal["leading", "trailing"]
Convolutions = Literal["plain", "winograd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord(Record):
    """A file of the bundle. `path` is relative to the bundle, with forward slashes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointOrigin(Record):
    """The checkpoint the bundle was built from: its file name, SHA-256 and size."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec(Record):
    """An input or output of a graph. A named dimension (`"batch"`) is dynamic."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec(Record):
    """One of the four graphs: its file, its tensors, and the type its weights are stored in."""

    name: str
    file: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    stored_weights: str
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec(Record):
    """The model input: side in pixels, and mean and standard deviation of RGB in [0, 1]."""

    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentsSpec(Record):
    """Latents are `[B, channels, size_px / factor, size_px / factor]`, multiplied by `scale`."""

    channels: int
    factor: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec(Record):
    """The DDIM schedule with eta 0, in the order of the loop: largest timestep first.

    `alphas[i]` and `alphas_prev[i]` are the cumulative alphas at step i and after it.
    """

    steps: int
    spacing: Spacing
    train_timesteps: int
    beta_start: float
    beta_end: float
    start_timestep: int
    timesteps: tuple[int, ...]
    alphas: tuple[float, ...]
    alphas_prev: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSpec(Record):
    """Noise shared by all images: two `.npy` files of float32 `[C, h, w]`.

    If `posterior` is `"mode"`, the posterior noise is zero.
    """

    seed: int
    posterior: Posterior
    noise_file: str
    posterior_noise_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionLayer(Record):
    """A layer of the feature extractor: its name, channels, and the side of its map in cells."""

    name: str
    channels: int
    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSpec(Record):
    """How distance maps are fused into the anomaly map and the score (part of the scorer graph)."""

    layers: tuple[FusionLayer, ...]
    sigma_px: float
    truncate_sigmas: float
    pool_size_px: int
    pool_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatmapSpec(Record):
    """The fixed value range of heatmaps, in units of the anomaly map."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRecord(Record):
    """Error of a graph's output compared with its PyTorch module: maximum, mean and relative."""

    graph: str
    output: str
    max_abs: float
    mean_abs: float
    relative: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Record):
    """The manifest of a bundle.

    Attributes:
        convolutions: `plain` as in the model, or `winograd`, rewritten for CPUs.
    """

    format_revision: int
    checkpoint: CheckpointOrigin
    image: ImageSpec
    latents: LatentsSpec
    schedule: ScheduleSpec
    noise: NoiseSpec
    fusion: FusionSpec
    heatmap: HeatmapSpec
    only_mid_control: bool
    graphs: tuple[GraphSpec, ...]
    files: tuple[FileRecord, ...]
    parity: tuple[ParityRecord, ...]
    model: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    precision: PrecisionSpec | None = None
    convolutions: Convolutions = "plain"
    engines: tuple[EngineSpec, ...] = ()
    verification: dict[str, Any] | None = None

    def engine(self, target: Target, graph: str) -> EngineSpec | None:
        """The engine of `graph` for `target`; None if there is none."""
        matches = (e for e in self.engines if (e.target, e.graph) == (target, graph))
        return next(matches, None)

    def graph(self, name: str) -> GraphSpec:
        """The graph called `name`.

        Raises:
            BundleDamagedError: the manifest lists no such graph.
        """
        for graph in self.graphs:
            if graph.name == name:
                return graph
        listed = ", ".join(graph.name for graph in self.graphs) or "none"
        raise BundleDamagedError(
            f"the manifest lists no graph {name!r} (listed: {listed}); rebuild the bundle"
        )


def to_json(manifest: Manifest) -> str:
    """The manifest as indented JSON with a final newline; includes its checksum from revision 4."""
    from pydantic import TypeAdapter

    text = TypeAdapter(Manifest).dump_json(manifest, indent=2).decode() + "\n"
    return add_checksum(text) if manifest.format_revision >= CHECKSUM_SINCE else text


def from_json(text: str | bytes, *, where: str) -> Manifest:
    """Parse a manifest; `where` names the file in messages.

    Raises:
        BundleVersionError: the format revision is newer than this version supports.
        BundleDamagedError: not JSON; changed since it was written; fields missing, unknown or
            mistyped; or contradictory values. Lists all of them.
    """
    try:
        values = parse_object(text)
    except ValueError as error:
        raise BundleDamagedError(f"{where}: {error}; rebuild the bundle") from None
    revision = _revision(values, where=where)
    faults = []
    if revision >= CHECKSUM_SINCE:
        faults += [fault] if (fault := checksum_fault(text, values)) else []
        values.pop(FIELD, None)
    try:
        manifest = read_record(Manifest, values, _contradictions)
    except ValueError as error:
        faults.append(str(error))
    else:
        if not faults:
            return manifest
    raise BundleDamagedError(
        f"{where}: not a valid manifest: {'; '.join(faults)}; copy the bundle again, or rebuild it"
    )


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Check what types cannot express; each message names the field, expected and found values."""
    found = sorted(graph.name for graph in manifest.graphs)
    if found != sorted(GRAPH_NAMES):
        yield f"graphs: expected each of {', '.join(GRAPH_NAMES)} once, found {found}"
    yield from number_faults(manifest)


def _revision(values: dict[str, Any], *, where: str) -> int:
    revision = values.get("format_revision")
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise BundleDamagedError(
            f"{where}: expected an integer 'format_revision', found {revision!r}; this is not the "
            f"manifest of a bundle"
        )
    if revision > FORMAT_REVISION:
        raise BundleVersionError(
            f"{where}: expected bundle format 1 to {FORMAT_REVISION}, found {revision}; upgrade "
            f"diad_deploy, or rebuild the bundle with this version"
        )
    if revision < 1:
        raise BundleDamagedError(
            f"{where}: expected bundle format 1 to {FORMAT_REVISION}, found {revision}; rebuild "
            f"the bundle"
        )
    return revision
