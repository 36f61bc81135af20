"""Parameter counts of the methods that the Med-Tuning paper (arXiv 2304.10880) compares with, on ViT-B/16 and Swin."""

from __future__ import annotations

from copy import deepcopy

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.peft import VPT, AdaptFormer, Houlsby, Method, ProTuning, STAdapter, apply_peft, count_parameters

from .row import Row

TABLE = "Med-Tuning paper, inserted parameters of other methods in millions"
PUBLISHED: dict[str, tuple[Method, float, float]] = {
    "VPT-Shallow": (VPT(deep=False), 0.008, 0.001),
    "VPT-Deep": (VPT(deep=True), 0.092, 0.029),
    "Adapter (Houlsby)": (Houlsby(), 3.560, 0.790),
    "AdaptFormer": (AdaptFormer(), 1.190, 0.372),
    "Pro-tuning": (ProTuning(), 4.805, 1.607),
    "ST-Adapter": (STAdapter(), 7.110, 1.577),
}
"""Row -> the method with its defaults, and what is printed for ViT + UPerNet and for Swin-UNet."""


def rows() -> list[Row]:
    """Applies every method to both encoders and counts; nothing is computed."""
    vit, swin = _vit(), _swin()
    found = []
    for row, (method, on_vit, on_swin) in PUBLISHED.items():
        found.append(Row(TABLE, f"{row}, ViT", on_vit, 3, _count(vit, method)))
        found.append(Row(TABLE, f"{row}, Swin", on_swin, 3, _count(swin, method)))
    return found


def _vit() -> nn.Module:
    with torch.device("meta"):
        return ViT(4, (128, 128), (16, 16), hidden_size=768, mlp_dim=3072, num_layers=12, num_heads=12, spatial_dims=2)


def _swin() -> nn.Module:
    swin = SwinTransformer(4, 96, (4, 4), (4, 4), (2, 2, 2, 2), (3, 6, 12, 24), patch_norm=True, spatial_dims=2)
    return swin.to("meta")  # it reads values while it is built, which a meta tensor has not


def _count(encoder: nn.Module, method: Method) -> int:
    return count_parameters(apply_peft(deepcopy(encoder), method))["backbone_peft"]
