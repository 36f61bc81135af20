"""Source: ViT of Google's JAX code (Dosovitskiy et al. 2020, arXiv 2010.11929), an ``.npz`` of arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from .encoder import POSITION, VIT_PATCHES, Encoder, below, without_class_tokens
from .weight_file import WeightFile

NAME = "google_vit"
LICENCE = "Apache-2.0"
_POSITION = "Transformer/posembed_input/pos_embedding"
_FIRST = "Transformer/encoderblock_0/LayerNorm_0/scale"


def _prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """Returns what stands in front of the names (checkpoints of a training have ``opt/target/``), None if not found."""
    return next((key.removesuffix(_FIRST) for key in tensors if key.endswith(_FIRST)), None)


def matches(file: WeightFile) -> bool:
    """Tells the JAX code's names of a ViT."""
    prefix = _prefix(file.tensors)
    return prefix is not None and f"{prefix}embedding/kernel" in file.tensors


def convert(file: WeightFile) -> Encoder:
    """Returns the encoder without class token and head.

    JAX's arrays are (in, out) with the heads apart; torch's are (out, in).
    """
    prefix = _prefix(file.tensors) or ""
    inner = below(file.tensors, prefix)
    encoder = Encoder(settings={"norm_eps": 1e-6, "activation": "gelu"})
    encoder.put(VIT_PATCHES, inner["embedding/kernel"].permute(3, 2, 0, 1), ("embedding/kernel",), "transposed")
    encoder.put(VIT_PATCHES.replace("weight", "bias"), inner["embedding/bias"], ("embedding/bias",))
    encoder.put(POSITION, inner[_POSITION], (_POSITION,))
    _norm(encoder, inner, "norm", "Transformer/encoder_norm")
    for index in sorted({int(found[1]) for key in inner if (found := re.search(r"encoderblock_(\d+)/", key))}):
        _block(encoder, inner, f"blocks.{index}", f"Transformer/encoderblock_{index}")
    without_class_tokens(encoder, file.path)
    return encoder.under(prefix)


def _block(encoder: Encoder, inner: Mapping[str, Tensor], new: str, old: str) -> None:
    """Adds one block; the sublayers are numbered by their place among all, or among their kind in newer files."""
    numbers = (1, 2, 3) if f"{old}/MlpBlock_3/Dense_0/kernel" in inner else (0, 1, 0)
    attention, norm, mlp = (
        f"{old}/{kind}_{number}"
        for kind, number in zip(("MultiHeadDotProductAttention", "LayerNorm", "MlpBlock"), numbers, strict=True)
    )
    _norm(encoder, inner, f"{new}.norm1", f"{old}/LayerNorm_0")
    _norm(encoder, inner, f"{new}.norm2", norm)
    for part in ("kernel", "bias"):
        names = [f"{attention}/{which}/{part}" for which in ("query", "key", "value")]
        rows = [_rows(inner[name], part) for name in names]
        kind = "weight" if part == "kernel" else "bias"
        encoder.put(f"{new}.attn.qkv.{kind}", torch.cat(rows), names, "query, key and value joined")
    encoder.settings["num_heads"] = int(inner[f"{attention}/query/kernel"].shape[1])
    output = inner[f"{attention}/out/kernel"].flatten(0, 1).T  # (heads, d / heads, d) -> (d, d)
    encoder.put(f"{new}.attn.out_proj.weight", output, (f"{attention}/out/kernel",), "transposed")
    encoder.put(f"{new}.attn.out_proj.bias", inner[f"{attention}/out/bias"], (f"{attention}/out/bias",))
    for index in (0, 1):
        layer, name = f"{new}.mlp.linear{index + 1}", f"{mlp}/Dense_{index}"
        encoder.put(f"{layer}.weight", inner[f"{name}/kernel"].T, (f"{name}/kernel",), "transposed")
        encoder.put(f"{layer}.bias", inner[f"{name}/bias"], (f"{name}/bias",))


def _norm(encoder: Encoder, inner: Mapping[str, Tensor], new: str, old: str) -> None:
    encoder.put(f"{new}.weight", inner[f"{old}/scale"], (f"{old}/scale",))
    encoder.put(f"{new}.bias", inner[f"{old}/bias"], (f"{old}/bias",))


def _rows(value: Tensor, part: str) -> Tensor:
    """Returns a kernel (d, heads, d / heads) as (d, d), rows are outputs; a bias (heads, d / heads) as (d,)."""
    return value.flatten(1).T if part == "kernel" else value.flatten()
