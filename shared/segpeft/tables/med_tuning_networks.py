"""Parameter counts of the networks of Med-Tuning (arXiv 2304.10880): 128 x 128 slices, C = 4, four classes."""

from __future__ import annotations

import torch

from segpeft.networks import build_slice_segmenter
from segpeft.peft import DecoderOnly, apply_peft, count_parameters

from .row import Row

NETWORKS = "Med-Tuning paper, networks before adapters, parameters in millions"
DECODERS = "Med-Tuning paper, decoders on ViT-B/16 without its adapters, parameters in millions"
CHANNELS, CLASSES, IMAGE_SIZE = 4, 4, (128, 128)
SCORES = "tables 1, 5, 7 and 11 give full fine-tuning a Dice (ET) of 68.49, 66.19 or 68.04 for what looks like one row"
DIFFERENCE = "0.446 rounded; 0.447 is the rounded sum with the adapters (5.004) less the rounded adapters (4.557)"
MISPRINT = "looks like a misprint of 15.005, for three classes: the row's sum, 19.562, is 4,557,312 + 15,005,187"
UNET = "its form is not published; ours is near, not equal"


def rows() -> list[Row]:
    """Builds every network without memory for its weights and counts."""
    vit, swin = network_counts("vit", "upernet"), network_counts("swin", "swin_unet")
    return [
        Row(NETWORKS, "ViT + UPerNet, full", 100.849, 3, vit["total"], remark=SCORES),
        Row(NETWORKS, "ViT + UPerNet, head", 15.007, 3, vit["trainable"]),
        Row(NETWORKS, "Swin-UNet, full", 27.154, 3, swin["total"]),
        Row(NETWORKS, "Swin-UNet, head", 6.752, 3, swin["trainable"]),
        Row(DECODERS, "SETR-Naive", 0.447, 3, network_counts("vit", "setr_naive")["trainable"], remark=DIFFERENCE),
        Row(DECODERS, "SETR-PUP", 0.643, 3, network_counts("vit", "setr_pup")["trainable"]),
        Row(DECODERS, "SETR-MLA", 3.790, 3, network_counts("vit", "setr_mla")["trainable"]),
        Row(DECODERS, "U-Net", 4.712, 3, network_counts("vit", "unet")["trainable"], remark=UNET),
        Row(DECODERS, "UPerNet", 15.095, 3, network_counts("vit", "upernet", classes=3)["trainable"], remark=MISPRINT),
    ]


def network_counts(kind: str, decoder: str, channels: int = CHANNELS, classes: int = CLASSES) -> dict[str, int]:
    """Counts a network whose backbone is frozen: ``total``, and as ``trainable`` what the paper calls its head."""
    with torch.device("meta"):
        network = build_slice_segmenter(channels, classes, IMAGE_SIZE, {"kind": kind}, decoder)
        return count_parameters(apply_peft(network, DecoderOnly()))
