"""The settings of an encoder, read off its weights and its modules, so that a file and a network can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .encoder import SWIN_PATCHES, VIT_PATCHES, Encoder, kind_of

_FIRST_BLOCK = {"vit": "blocks.0", "swin": "layers1.0.blocks.0"}


def settings_of_file(encoder: Encoder) -> dict[str, Any]:
    """Returns what a file tells of its encoder: by tensors, and by what its source knows."""
    return {**_by_tensors(encoder.tensors), **encoder.settings}


def settings_of_backbone(backbone: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Returns the settings of a network's backbone; ``tensors`` are its own, without those of adapters."""
    settings = _by_tensors(tensors)
    block = backbone.get_submodule(_FIRST_BLOCK[settings["kind"]])
    settings["norm_eps"] = block.norm1.eps  # type: ignore[union-attr]
    settings["activation"] = activation_name(block.mlp.fn)  # type: ignore[arg-type, union-attr]
    if settings["kind"] == "vit":
        settings["num_heads"] = block.attn.num_heads  # type: ignore[union-attr]
    return settings


def activation_name(activation: nn.Module) -> str:
    """Returns ``"gelu"`` or ``"quick_gelu"``, for another module the name of its class."""
    if isinstance(activation, nn.GELU) and activation.approximate == "none":
        return "gelu"
    return {"QuickGELU": "quick_gelu"}.get(type(activation).__name__, type(activation).__name__)


def differences(given: Mapping[str, Any], needed: Mapping[str, Any]) -> list[str]:
    """Returns the settings that both know and that differ so that the weights would not fit or compute something else.

    A file of fewer layers is a matter of missing tensors. A ViT of 2D patches fits 3D ones of the same size in-plane.
    """
    found = [name for name in given if name in needed and given[name] != needed[name]]
    if "num_layers" in found and given["num_layers"] < needed["num_layers"]:
        found.remove("num_layers")
    flat = given.get("kind") == "vit" and len(given.get("patch_size", ())) == 2
    if "patch_size" in found and flat and given["patch_size"] == needed["patch_size"][:2]:
        found.remove("patch_size")
    return found


def words(settings: Mapping[str, Any], names: list[str] | None = None) -> str:
    """Returns settings as a person would write them: ``patch_size [8, 8], qkv_bias true``."""
    chosen = settings if names is None else {name: settings[name] for name in names}
    return ", ".join(f"{k} {str(v).lower() if isinstance(v, bool | None) else v}" for k, v in chosen.items())


def _by_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Returns what the shapes and the presence of tensors show; nothing where there is no known patch embedding."""
    kind = kind_of(tensors)
    if kind is None:
        return {}
    first = _FIRST_BLOCK[kind]
    settings: dict[str, Any] = {"kind": kind}
    patches = tensors.get(VIT_PATCHES if kind == "vit" else SWIN_PATCHES)
    if patches is not None:  # a perceptron as patch embedding has other names and no shape that shows the patch
        settings["hidden_size" if kind == "vit" else "embed_dim"] = patches.shape[0]
        settings["patch_size"] = list(patches.shape[2:])
    settings["qkv_bias"] = f"{first}.attn.qkv.bias" in tensors
    if kind == "vit":
        blocks = {int(found[1]) for key in tensors if (found := re.match(r"blocks\.(\d+)\.", key))}
        settings["num_layers"] = max(blocks, default=-1) + 1
        settings["pre_norm"] = "patch_embedding.norm.weight" in tensors
        settings["attention_window"] = _window(tensors)
        if f"{first}.mlp.linear1.weight" in tensors:
            settings["mlp_dim"] = tensors[f"{first}.mlp.linear1.weight"].shape[0]
    else:
        tables = [tensors.get(f"layers{i}.0.blocks.0.attn.relative_position_bias_table") for i in (1, 2, 3, 4)]
        settings["num_heads"] = [table.shape[1] for table in tables if table is not None]
        settings["patch_norm"] = "patch_embed.norm.weight" in tensors
    return settings


def _window(tensors: Mapping[str, Tensor]) -> int | None:
    """Returns the side of the attention windows of a ViT with relative positions, None without."""
    table = tensors.get("blocks.0.attn.rel_pos_h")  # the first block is a windowed one
    return None if table is None else (table.shape[0] + 1) // 2
