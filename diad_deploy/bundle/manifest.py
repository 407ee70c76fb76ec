"""What a bundle says of itself: frozen dataclasses <-> `bundle.json`.

The manifest is the one contract between the two packages: the export writes it last, the runtime
takes every constant from it. Nothing here touches the file system; `bundle.py` does.
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
"""Raised whenever an older runtime could misread a newer bundle; all from 1 on are read."""

CHECKSUM_SINCE = 4
"""The first revision whose manifests hold a checksum of themselves."""

GRAPH_NAMES = ("encoder", "denoiser", "decoder", "scorer")

Posterior = Literal["mode", "sample"]
Spacing = Literal["leading", "trailing"]
Convolutions = Literal["plain", "winograd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord(Record):
    """One file of the bundle. `path` is relative to the bundle, with forward slashes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointOrigin(Record):
    """The file the bundle was built from: its name (no folder), SHA-256 and size."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec(Record):
    """One input or output of a graph. A named dimension (`"batch"`) is free."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec(Record):
    """One of the four graphs: its file, tensors, and how its weights are stored."""

    name: str
    file: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    stored_weights: str
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec(Record):
    """Model input: side in pixels and the normalisation of RGB in [0, 1] by `mean`, `std`."""

    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentsSpec(Record):
    """Latents are `[B, channels, size_px / factor, size_px / factor]`, times `scale`."""

    channels: int
    factor: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec(Record):
    """The DDIM schedule, in the order of the loop (largest timestep first); eta is 0.

    `alphas[i]` and `alphas_prev[i]` are the cumulative products at step i and after it.
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
    """Noise that is the same for every image: `[C, h, w]` float32 in two `.npy` files.

    With `posterior` `"mode"` the stored posterior noise is zero.
    """

    seed: int
    posterior: Posterior
    noise_file: str
    posterior_noise_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionLayer(Record):
    """One scale of the feature extractor: its name and the side of its map in cells."""

    name: str
    channels: int
    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSpec(Record):
    """How distance maps become the anomaly map and the score (baked into the scorer graph)."""

    layers: tuple[FusionLayer, ...]
    sigma_px: float
    truncate_sigmas: float
    pool_size_px: int
    pool_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatmapSpec(Record):
    """The fixed scale of heatmaps, in units of the anomaly map."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRecord(Record):
    """Largest and mean absolute, and relative, error of a graph's output against its module."""

    graph: str
    output: str
    max_abs: float
    mean_abs: float
    relative: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Record):
    """All that a bundle says of itself.

    Attributes:
        convolutions: as the model has them, or rewritten for processors.
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
        """The engine of `graph` for `target`, where the bundle holds one."""
        found = (e for e in self.engines if (e.target, e.graph) == (target, graph))
        return next(found, None)

    def graph(self, name: str) -> GraphSpec:
        """The graph called `name`; raises `BundleDamagedError` where the manifest lacks it."""
        for graph in self.graphs:
            if graph.name == name:
                return graph
        listed = ", ".join(graph.name for graph in self.graphs) or "none"
        raise BundleDamagedError(
            f"the manifest lists no graph {name!r} (listed: {listed}); build the bundle again"
        )


def to_json(manifest: Manifest) -> str:
    """The manifest as indented JSON, ending in a newline; with its checksum from revision 4 on."""
    from pydantic import TypeAdapter

    text = TypeAdapter(Manifest).dump_json(manifest, indent=2).decode() + "\n"
    return add_checksum(text) if manifest.format_revision >= CHECKSUM_SINCE else text


def from_json(text: str | bytes, *, where: str) -> Manifest:
    """Read a manifest; `where` names the file in messages.

    Raises:
        BundleVersionError: the format revision is not this version's.
        BundleDamagedError: not JSON, changed since it was written, fields missing, unknown or of
            a wrong type, or values that contradict each other (all named).
    """
    try:
        values = parse_object(text)
    except ValueError as error:
        raise BundleDamagedError(f"{where}: {error}; build the bundle again") from None
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
        f"{where}: not a valid manifest: {'; '.join(faults)}; copy the bundle again, or build it "
        f"again"
    )


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """What types cannot say: each fault names the field, the expected and the found."""
    found = sorted(graph.name for graph in manifest.graphs)
    if found != sorted(GRAPH_NAMES):
        yield f"graphs: expected each of {', '.join(GRAPH_NAMES)} once, found {found}"
    yield from number_faults(manifest)


def _revision(values: dict[str, Any], *, where: str) -> int:
    revision = values.get("format_revision")
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise BundleDamagedError(
            f"{where}: no whole number 'format_revision'; this is not a bundle's manifest"
        )
    if revision > FORMAT_REVISION:
        raise BundleVersionError(
            f"{where}: bundle format {revision}, but this diad_deploy reads up to "
            f"{FORMAT_REVISION}; upgrade diad_deploy, or build the bundle with this version"
        )
    if revision < 1:
        raise BundleDamagedError(f"{where}: bundle format {revision}; the first is 1")
    return revision
