"""The contents of `settings.toml` as dataclasses."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from diad_deploy.bundle.manifest import Spacing
from diad_deploy.errors import OptionError
from diad_export.model.sizes import AutoencoderSizes, FeatureSizes, ModelSizes, UnetSizes

DEFAULT_SETTINGS = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Size of the images, and their number in each split."""

    size_px: int
    train_per_product: int
    generic_pictures: int
    validation_per_product: int
    test_per_product: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnetSettings:
    """See `diad_export.model.sizes.UnetSizes`."""

    channels: tuple[int, ...]
    attention_levels: tuple[bool, ...]
    context_width: int
    context_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSettings:
    """See `diad_export.model.sizes.AutoencoderSizes`."""

    channels: tuple[int, ...]
    res_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorSettings:
    """The timm network of the feature extractor."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """One training stage; `average` is the decay of the exponential moving average of weights."""

    steps: int
    batch: int
    learning_rate: float
    average: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The stages in the order in which they run."""

    features: StageSettings
    autoencoder: StageSettings
    diffusion: StageSettings
    hardening: StageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """Recommended build options, which are stored in the checkpoint."""

    steps: int
    spacing: Spacing
    sigma_px: float
    pool_size_px: int
    pool_count: int
    heatmap_low: float
    heatmap_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the demo."""

    seed: int
    data: DataSettings
    unet: UnetSettings
    autoencoder: AutoencoderSettings
    extractor: ExtractorSettings
    train: TrainSettings
    build: BuildSettings

    def model_sizes(self) -> ModelSizes:
        """The sizes of the demo's model."""
        unet, autoencoder = self.unet, self.autoencoder
        return ModelSizes(
            unet=UnetSizes(
                channels=unet.channels,
                context_width=unet.context_width,
                attention_levels=unet.attention_levels,
            ),
            autoencoder=AutoencoderSizes(
                channels=autoencoder.channels,
                res_blocks=autoencoder.res_blocks,
            ),
            features=FeatureSizes(name=self.extractor.name),
        )


def load_settings(path: Path = DEFAULT_SETTINGS) -> Settings:
    """Read and check a settings file.

    Raises:
        OptionError: the file cannot be read, is not TOML, or values are missing or of a wrong type;
            names all of them.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: settings cannot be read: {error}") from None
    try:
        return TypeAdapter(Settings).validate_python(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise OptionError(f"{path}: settings are not valid: {faults}") from None
