"""Networks from the knobs of a config, where the settings of an encoder stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai.networks.nets import SwinUNETR
from torch import nn

from segpeft.errors import InputError

from .channel_unetr import ChannelUNETR
from .decoders import (
    SETRMLADecoder,
    SETRNaiveDecoder,
    SETRPUPDecoder,
    SwinUNetDecoder,
    UNetDecoder,
    UPerNetDecoder,
)
from .masked_autoencoder import MaskedAutoEncoder
from .simmim import SimMIM
from .slice_segmenter import SliceSegmenter
from .slice_swin import SliceSwin
from .slice_vit import SliceViT

ENCODER = ("patch_size", "hidden_size", "mlp_dim", "num_layers", "num_heads", "qkv_bias")
DECODER = ("decoder_hidden_size", "decoder_mlp_dim", "decoder_num_layers", "decoder_num_heads")
SLICE_ENCODERS = {
    "vit": (*ENCODER, "norm_eps", "pre_norm", "activation", "attention_window"),
    "swin": ("patch_size", "embed_dim", "depths", "num_heads", "window_size", "norm_eps"),
}
SWIN_UNETR = ("feature_size", "depths", "num_heads", "window_size")
PRETRAINED_ENCODERS = {**SLICE_ENCODERS, "vit": (*ENCODER, "norm_eps")}
SLICE_DECODERS: dict[str, type[nn.Module]] = {
    "upernet": UPerNetDecoder,
    "unet": UNetDecoder,
    "setr_mla": SETRMLADecoder,
    "setr_naive": SETRNaiveDecoder,
    "setr_pup": SETRPUPDecoder,
    "swin_unet": SwinUNetDecoder,
}


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
        encoder: any of :data:`ENCODER`, and ``norm_eps``.
        feature_size: width of the decoder at full resolution.

    Raises:
        InputError: ``encoder`` holds another setting, or a size does not fit.
    """
    _check_settings("encoder", encoder, (*ENCODER, "norm_eps"))
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
        encoder: ``kind``, a key of :data:`PRETRAINED_ENCODERS`, "vit" if it is not said; and any of the settings listed
            there, ``patch_size`` among them.
        decoder: any of :data:`DECODER`; of a Swin none.
        masking_ratio: share of the image that is hidden.
        mask_unit: of a Swin, see :class:`SimMIM`; a ViT hides single patches.

    Raises:
        InputError: ``encoder`` or ``decoder`` holds another setting, or a value is out of range.
    """
    settings = dict(encoder)
    kind = settings.pop("kind", "vit")
    if kind not in PRETRAINED_ENCODERS:
        raise InputError(f"encoder has kind {kind!r}: expected one of {', '.join(PRETRAINED_ENCODERS)}")
    _check_settings("encoder", settings, PRETRAINED_ENCODERS[kind])
    _check_settings("decoder", decoder, () if kind == "swin" else DECODER)
    if kind == "swin":
        return SimMIM(image_size, **settings, masking_ratio=masking_ratio, mask_unit=mask_unit)
    if mask_unit is not None:
        raise InputError(f"mask_unit is {list(mask_unit)}; expected null: a ViT hides single patches")
    return MaskedAutoEncoder(image_size, **settings, **decoder, masking_ratio=masking_ratio)


def build_slice_segmenter(
    in_channels: int,
    out_channels: int,
    image_size: Sequence[int],
    encoder: Mapping[str, Any],
    decoder: str = "upernet",
    feature_size: int | None = None,
) -> SliceSegmenter:
    """Returns a :class:`SliceSegmenter`.

    Args:
        in_channels: of the image.
        out_channels: one logit a class or region.
        image_size: (H, W[, D]) in voxels, for which a ViT's position embedding is built; any other may come in.
        encoder: ``kind``, a key of :data:`SLICE_ENCODERS`, and any of the settings listed there.
        decoder: a key of :data:`SLICE_DECODERS`.
        feature_size: width of the decoder; by default that of its paper. ``swin_unet`` mirrors its encoder and takes
            none.

    Raises:
        InputError: a name is unknown, or a size does not fit another.
    """
    if decoder not in SLICE_DECODERS:
        raise InputError(f"decoder {decoder!r} is unknown: expected one of {', '.join(SLICE_DECODERS)}")
    for name, size, least in (("out_channels", out_channels, 1), ("feature_size", feature_size, 4)):
        if size is not None and size < least:
            raise InputError(f"{name} {size} is out of range: expected at least {least}")
    backbone = build_slice_encoder(in_channels, image_size, encoder)
    sizes: dict[str, Any] = {} if feature_size is None else {"feature_size": feature_size}
    if decoder == "swin_unet":
        if not isinstance(backbone, SliceSwin) or sizes:
            raise InputError("decoder swin_unet mirrors its encoder: expected encoder kind swin and no feature_size")
        sizes = {"num_heads": backbone.num_heads, "window_size": backbone.window_size}
    return SliceSegmenter(backbone, SLICE_DECODERS[decoder](backbone.widths, backbone.strides, out_channels, **sizes))


def build_slice_encoder(
    in_channels: int, image_size: Sequence[int], encoder: Mapping[str, Any]
) -> SliceViT | SliceSwin:
    """Returns the encoder of :func:`build_slice_segmenter` alone; the arguments are those of that.

    Raises:
        InputError: a name is unknown, or a size does not fit another.
    """
    kind = encoder.get("kind")
    if kind not in SLICE_ENCODERS:
        raise InputError(f"encoder has kind {kind!r}: expected one of {', '.join(SLICE_ENCODERS)}")
    if in_channels < 1:
        raise InputError(f"in_channels {in_channels} is out of range: expected at least 1")
    settings = {name: value for name, value in encoder.items() if name != "kind"}
    _check_settings("encoder", settings, SLICE_ENCODERS[kind])
    return SliceViT(in_channels, image_size, **settings) if kind == "vit" else SliceSwin(in_channels, **settings)


def build_swin_unetr(in_channels: int, out_channels: int, encoder: Mapping[str, Any]) -> SwinUNETR:
    """Returns MONAI's Swin UNETR (arXiv 2201.01266), a 3D Swin transformer with a convolutional decoder.

    Args:
        in_channels: of the image.
        out_channels: one logit a class or region.
        encoder: any of :data:`SWIN_UNETR`.

    Raises:
        InputError: ``encoder`` holds another setting.
    """
    _check_settings("encoder", encoder, SWIN_UNETR)
    return SwinUNETR(in_channels, out_channels, **encoder)


def _check_settings(knob: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in settings if name not in known]
    if unknown:
        expected = f"any of {', '.join(known)}" if known else "none"
        raise InputError(f"{knob} has no setting {unknown[0]!r}: expected {expected}")
