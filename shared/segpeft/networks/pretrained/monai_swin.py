"""Source: MONAI's SwinTransformer, alone, inside a SwinUNETR (``swinViT.``), or as self-supervised weights."""

from __future__ import annotations

from torch import Tensor

from .encoder import SWIN_PATCHES, Encoder, below, rename, told
from .weight_file import WeightFile

NAME = "monai_swin"
LICENCE = "as the file's author says (MONAI's own: Apache-2.0)"

RULES = (
    (r"(layers\d)\.0\.0\.(.*)", r"\1.0.\2"),
    (r"(layers\d\.0\.blocks\.\d+\.mlp)\.fc([12])\.(.*)", r"\1.linear\2.\3"),
)
DROPPED = (r".*\.relative_position_index", r"(?!patch_embed\.|layers\d|norm\.).*")


def _prefix(tensors: dict[str, Tensor]) -> str | None:
    """Returns what stands in front of MONAI's names, None if they are not there."""
    prefixes = (key.removesuffix(SWIN_PATCHES) for key in tensors if key.endswith(SWIN_PATCHES))
    return next((p for p in prefixes if any(name.startswith(f"{p}layers1.0.") for name in tensors)), None)


def matches(file: WeightFile) -> bool:
    """Tells a SwinTransformer of MONAI by its patch embedding beside ``layers1.0``."""
    return _prefix(file.tensors) is not None


def convert(file: WeightFile) -> Encoder:
    """Returns the SwinTransformer without the prefix it stands under, and without heads of self-supervision."""
    prefix = _prefix(file.tensors) or ""
    encoder = rename(below(file.tensors, prefix), RULES, DROPPED).under(prefix)
    encoder.settings.update(told(file.header, "norm_eps"))
    return encoder
