"""How many parameters each method trains, in a network or in the usual backbones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.errors import InputError
from segpeft.markdown import markdown_table

from .apply import apply_peft, count_parameters
from .registry import known_methods


def _vit(dims: int) -> nn.Module:
    return ViT(1, (96,) * dims, (16,) * dims, spatial_dims=dims, qkv_bias=True)


def _swin(dims: int, width: int) -> nn.Module:
    with torch.device("cpu"):  # MONAI reads values while it builds, which the meta device has not
        window, patch = (7,) * dims, (2,) * dims
        return SwinTransformer(1, width, window, patch, (2, 2, 2, 2), (3, 6, 12, 24), spatial_dims=dims).to("meta")


BACKBONES: dict[str, Callable[[], nn.Module]] = {
    "ViT-B 2D": lambda: _vit(2),
    "ViT-B 3D": lambda: _vit(3),
    "Swin 2D (96)": lambda: _swin(2, 96),
    "Swin 3D (48)": lambda: _swin(3, 48),
}


def counts_table(network: nn.Module | None = None) -> str:
    """Returns a table of what each method trains with its values at their defaults.

    Args:
        network: plain; its backbone's count and the whole network's are shown. None: four usual backbones.
    """
    if network is not None:
        return markdown_table(["method", "in the backbone", "in all"], _lines_of(network), texts=1)
    lines = []
    with torch.device("meta"):
        plain = {name: make() for name, make in BACKBONES.items()}
        for name in _names():
            lines.append([name, *(_count(name, backbone) for backbone in plain.values())])
    return markdown_table(["method", *BACKBONES], lines, texts=1)


def _names() -> list[str]:
    return sorted(name for name in known_methods() if name != "combination")  # which says nothing by itself


def _lines_of(network: nn.Module) -> Iterator[list[str]]:
    for name in _names():
        try:
            counts = count_parameters(apply_peft(copy.deepcopy(network), known_methods()[name]()))
        except InputError as error:
            yield [name, f"does not fit: {error}", ""]
        else:
            yield [name, f"{counts['backbone_peft']:,}", f"{counts['trainable']:,}"]


def _count(name: str, backbone: nn.Module) -> str:
    try:
        return f"{count_parameters(apply_peft(copy.deepcopy(backbone), known_methods()[name]()))['trainable']:,}"
    except InputError:
        return "does not fit"
