"""Tiny networks of slices for the tests around them."""

from __future__ import annotations

from typing import Any

import torch

from segpeft.networks import SliceSegmenter, build_slice_segmenter

ENCODERS: dict[str, dict[str, Any]] = {
    "vit": {"kind": "vit", "patch_size": 8, "hidden_size": 12, "mlp_dim": 16, "num_layers": 4, "num_heads": 2},
    "swin": {
        "kind": "swin",
        "patch_size": 2,
        "embed_dim": 8,
        "num_heads": (1, 2, 2, 2),
        "window_size": 2,
        "depths": (2, 1, 1, 1),
    },
}
DECODERS = {"upernet": 8, "unet": 4, "setr_mla": 8, "setr_naive": 8, "setr_pup": 32, "swin_unet": None}
"""Name -> a small width."""
PAIRS = [(kind, name) for kind in ENCODERS for name in DECODERS if (kind, name) != ("vit", "swin_unet")]


def tiny(kind: str, decoder: str, channels: int = 2, out: int = 3, size=(32, 32), **knobs) -> SliceSegmenter:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = {**ENCODERS[kind], **knobs}
        return build_slice_segmenter(channels, out, size, encoder, decoder, DECODERS[decoder]).eval()
