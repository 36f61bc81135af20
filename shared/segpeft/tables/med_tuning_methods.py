"""Parameter counts of the methods that the Med-Tuning paper (arXiv 2304.10880) compares with, on ViT-B/16 and Swin."""

from __future__ import annotations

from segpeft.peft import VPT, AdaptFormer, Houlsby, Method, ProTuning, STAdapter

from .med_tuning_networks import inserted
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
    """Applies every method to both networks and counts; nothing is computed."""
    found = []
    for row, (method, on_vit, on_swin) in PUBLISHED.items():
        found.append(Row(TABLE, f"{row}, ViT", on_vit, 3, inserted("vit", method)))
        found.append(Row(TABLE, f"{row}, Swin", on_swin, 3, inserted("swin", method)))
    return found
