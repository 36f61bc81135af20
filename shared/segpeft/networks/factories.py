"""Networks from the knobs of a config, where the settings of an encoder stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segpeft.errors import InputError

from .channel_unetr import ChannelUNETR
from .masked_autoencoder import MaskedAutoEncoder
from .simmim import SimMIM

ENCODER = ("patch_size", "hidden_size", "mlp_dim", "num_layers", "num_heads", "qkv_bias")
SWIN = ("patch_size", "embed_dim", "depths", "num_heads", "window_size")
DECODER = ("decoder_hidden_size", "decoder_mlp_dim", "decoder_num_layers", "decoder_num_heads")


def build_unetr(
    in_channels: int,
    out_channels: int,
    image_size: Sequence[int],
    encoder: Mapping[str, Any],
    feature_size: int = 16,
) -> ChannelUNETR:
    """Returns a :class:`ChannelUNETR`.

    Args:
        in_channels: of the image.
        out_channels: one logit a region.
        image_size: of the window in voxels.
        encoder: any of :data:`ENCODER`.
        feature_size: width of the decoder at full resolution.

    Raises:
        InputError: ``encoder`` holds another setting, or a size does not fit.
    """
    _check_settings("encoder", encoder, ENCODER)
    return ChannelUNETR(in_channels, out_channels, image_size, feature_size, **encoder)


def build_masked_autoencoder(
    image_size: Sequence[int],
    encoder: Mapping[str, Any],
    decoder: Mapping[str, Any],
    masking_ratio: float = 0.75,
    mask_unit: Sequence[int] | None = None,
) -> MaskedAutoEncoder | SimMIM:
    """Returns a :class:`MaskedAutoEncoder` of a ViT, or :class:`SimMIM` of a Swin transformer.

    Args:
        image_size: in voxels, 2 or 3 numbers.
        encoder: any of :data:`ENCODER`, ``patch_size`` among them; or ``kind: "swin"`` and any of :data:`SWIN`.
        decoder: any of :data:`DECODER`; of a Swin none.
        masking_ratio: share of the image that is hidden.
        mask_unit: of a Swin, see :class:`SimMIM`; a ViT hides single patches.

    Raises:
        InputError: ``encoder`` or ``decoder`` holds another setting, or a value is out of range.
    """
    settings = dict(encoder)
    kind = settings.pop("kind", "vit")
    if kind not in ("vit", "swin"):
        raise InputError(f"encoder kind {kind!r} is unknown: expected vit or swin")
    _check_settings("encoder", settings, SWIN if kind == "swin" else ENCODER)
    _check_settings("decoder", decoder, () if kind == "swin" else DECODER)
    if kind == "swin":
        return SimMIM(image_size, **settings, masking_ratio=masking_ratio, mask_unit=mask_unit)
    if mask_unit is not None:
        raise InputError(f"mask_unit is {list(mask_unit)}; expected null: a ViT hides single patches")
    return MaskedAutoEncoder(image_size, **settings, **decoder, masking_ratio=masking_ratio)


def _check_settings(knob: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in settings if name not in known]
    if unknown:
        expected = f"any of {', '.join(known)}" if known else "none"
        raise InputError(f"{knob} has no setting {unknown[0]!r}: expected {expected}")
