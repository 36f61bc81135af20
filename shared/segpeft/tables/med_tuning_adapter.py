"""Parameter counts of the Med-Tuning paper (arXiv 2304.10880): the adapters alone, trained on volumes of 128 slices."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.peft import MedAdapter, apply_peft, count_parameters
from segpeft.peft.med_adapter import InterFI

from .row import Row

TABLE = "Med-Tuning paper, parameters of the adapters in millions"
SLICES = 128
DEAD = "Inter-FI of the first stage, which gets zeros for a stage before it; not built here"
PART = "not printed alone: what the decoder ablation's totals hold beside each decoder"
LARGE = "only alpha 6 gives the published figure, while the FFT row that the paper compares it with has alpha 4"


def rows() -> list[Row]:
    """Builds every configuration without memory for its weights and counts."""
    conv3: dict[str, Any] = {"conv5": False, "fft": False, "mixing": False, "fusion": "none"}
    large: dict[str, Any] = {"alpha": 6, "fft": False}
    return [
        _row("ViT, alpha 6", 2.846, "vit", alpha=6),
        _row("ViT, alpha 4", 4.557, "vit", PART, alpha=4),
        _row("Swin, Conv3", 0.798, "swin", **conv3),
        _row("Swin, +Conv5", 0.823, "swin", **{**conv3, "conv5": True}),
        _row("Swin, +FFT", 0.825, "swin", mixing=False, fusion="none"),
        _row("Swin, +CM", 0.924, "swin", fusion="none"),
        _row("Swin, add", 1.144, "swin", fusion="add"),
        _row("Swin, max", 1.144, "swin", fusion="max"),
        _row("Swin, concat", 1.243, "swin", fusion="concat"),
        _row("Swin, alpha 2", 3.313, "swin", alpha=2),
        _row("Swin, alpha 4", 1.243, "swin", alpha=4),
        _row("Swin, alpha 6", 0.738, "swin", alpha=6),
        _row("Swin, alpha 8", 0.520, "swin", alpha=8),
        _row("Swin, DWConv9", 1.086, "swin", LARGE, **large, large_kernel=9),
        _row("Swin, DWConv11", 1.375, "swin", LARGE, **large, large_kernel=11),
    ]


def _row(name: str, published: float, backbone: str, remark: str = "", **knobs: Any) -> Row:
    method = MedAdapter(**{"alpha": 4, "variant": "reference", "slices": SLICES, **knobs})
    network = deepcopy(_backbone(backbone))
    with torch.device("meta"):
        network = apply_peft(network, method)
        dead = _first_inter_fi(method, backbone)
    differences = ((DEAD, dead),) if dead else ()
    return Row(TABLE, name, published, 3, count_parameters(network)["backbone_peft"], differences, remark)


def _first_inter_fi(method: MedAdapter, backbone: str) -> int:
    """Counts what the authors' code has in the first stage: the form of the others, as if a stage came before."""
    if method.fusion == "none":
        return 0
    if backbone == "vit":
        hidden = int(768 / method.alpha)
        inter_fi = InterFI(hidden, hidden, (1, 1, 1), method.fusion)
    else:
        hidden = int(96 / method.alpha)
        inter_fi = InterFI(hidden // 2, hidden, (1, 2, 2), method.fusion)
    return sum(parameter.numel() for parameter in inter_fi.parameters())


@cache
def _backbone(name: str) -> nn.Module:
    """ViT-B/16 or Swin-T of depths 2-2-2-2 on slices of 128 x 128; not to be changed."""
    if name == "vit":
        with torch.device("meta"):
            return ViT(in_channels=4, img_size=(128, 128), patch_size=(16, 16), num_layers=12, spatial_dims=2)
    swin = SwinTransformer(4, 96, (4, 4), (4, 4), depths=(2, 2, 2, 2), num_heads=(3, 6, 12, 24), spatial_dims=2)
    return swin.to("meta")  # its constructor reads values of tensors, so it can't be built there
