"""Parameter counts of the Med-Tuning paper (arXiv 2304.10880): its adapters, trained on volumes of 128 slices."""

from __future__ import annotations

from typing import Any

import torch

from segpeft.peft import MedAdapter
from segpeft.peft.med_adapter import InterFI

from .med_tuning_networks import CHANNELS, counts, inserted
from .row import Row

TABLE = "Med-Tuning paper, parameters of the adapters in millions"
TUNED = "Med-Tuning paper, all that is tuned (decoder, norm, positions, adapters), parameters in millions"
KITS = "KiTS19 as it is, one channel and three classes: the networks above, parameters"
SLICES = 128
DEAD = "Inter-FI of the first stage, which gets zeros for a stage before it; not built here"
PART = "not printed alone: what the decoder ablation's totals hold beside each decoder"
LARGE = "only alpha 6 gives the published figure, while the FFT row that the paper compares it with has alpha 4"


def rows() -> list[Row]:
    """Builds every configuration without memory for its weights and counts."""
    conv3: dict[str, Any] = {"conv5": False, "fft": False, "mixing": False, "fusion": "none"}
    large: dict[str, Any] = {"alpha": 6, "fft": False}
    return [
        _row("Med-Tuning (alpha 6), ViT", 2.846, "vit", alpha=6),
        _row("Med-Tuning (alpha 6), Swin", 0.738, "swin", alpha=6),
        _row("alpha 4, ViT", 4.557, "vit", PART, alpha=4),
        _row("Conv3, Swin", 0.798, "swin", **conv3),
        _row("+Conv5, Swin", 0.823, "swin", **{**conv3, "conv5": True}),
        _row("+FFT, Swin", 0.825, "swin", mixing=False, fusion="none"),
        _row("+CM, Swin", 0.924, "swin", fusion="none"),
        _row("add, Swin", 1.144, "swin", fusion="add"),
        _row("max, Swin", 1.144, "swin", fusion="max"),
        _row("concat, Swin", 1.243, "swin", fusion="concat"),
        _row("alpha 2, Swin", 3.313, "swin", alpha=2),
        _row("alpha 4, Swin", 1.243, "swin", alpha=4),
        _row("alpha 6, Swin", 0.738, "swin", alpha=6),
        _row("alpha 8, Swin", 0.520, "swin", alpha=8),
        _row("DWConv9, Swin", 1.086, "swin", LARGE, **large, large_kernel=9),
        _row("DWConv11, Swin", 1.375, "swin", LARGE, **large, large_kernel=11),
        _tuned(TUNED, "alpha 4, ViT + UPerNet, three classes", 19.562, "vit", CHANNELS, alpha=4),
        *_kits("vit", "ViT + UPerNet"),
        *_kits("swin", "Swin-UNet"),
    ]


def _kits(kind: str, name: str) -> list[Row]:
    plain = counts(kind, channels=1, classes=3)
    return [
        Row(KITS, f"{name}, full or scratch", None, 3, plain["total"]),
        Row(KITS, f"{name}, head", None, 3, plain["trainable"]),
        _tuned(KITS, f"{name}, Med-Tuning (alpha 6)", None, kind, 1, alpha=6),
    ]


def _row(name: str, published: float, kind: str, remark: str = "", **knobs: Any) -> Row:
    method = _adapter(**knobs)
    return Row(TABLE, name, published, 3, inserted(kind, method), _differences(method, kind), remark)


def _tuned(table: str, name: str, published: float | None, kind: str, channels: int, alpha: int) -> Row:
    method = _adapter(alpha=alpha)
    trainable = counts(kind, method, channels=channels, classes=3)["trainable"]
    return Row(table, name, published, 3, trainable, _differences(method, kind))


def _adapter(**knobs: Any) -> MedAdapter:
    return MedAdapter(**{"alpha": 4, "variant": "reference", "slices": SLICES, **knobs})


def _differences(method: MedAdapter, kind: str) -> tuple[tuple[str, int], ...]:
    """Counts what the authors' code has in the first stage: the form of the others, as if a stage came before."""
    if method.fusion == "none":
        return ()
    hidden = int((768 if kind == "vit" else 96) / method.alpha)
    before, strides = (hidden, (1, 1, 1)) if kind == "vit" else (hidden // 2, (1, 2, 2))
    with torch.device("meta"):
        inter_fi = InterFI(before, hidden, strides, method.fusion)
    return ((DEAD, sum(parameter.numel() for parameter in inter_fi.parameters())),)
