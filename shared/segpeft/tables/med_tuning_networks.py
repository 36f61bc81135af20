"""Parameter counts of the networks of Med-Tuning (arXiv 2304.10880): 128 x 128 slices, C = 4, four classes."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import torch
from torch import nn

from segpeft.networks import build_slice_segmenter
from segpeft.peft import DecoderOnly, Method, apply_peft, count_parameters

from .row import Row

NETWORKS = "Med-Tuning paper, networks before adapters, parameters in millions"
DECODERS = "Med-Tuning paper, decoders on ViT-B/16 without its adapters, parameters in millions"
CHANNELS, CLASSES, IMAGE_SIZE = 4, 4, (128, 128)
OWN_DECODER = {"vit": "upernet", "swin": "swin_unet"}
"""Kind of encoder -> the decoder that the paper's main tables give it."""
HEAD = DecoderOnly()
SCORES = "tables 1, 5, 7 and 11 give full fine-tuning a Dice (ET) of 68.49, 66.19 or 68.04 for what looks like one row"
DIFFERENCE = "0.446 rounded; 0.447 is the rounded sum with the adapters (5.004) less the rounded adapters (4.557)"
MISPRINT = "looks like a misprint of 15.005, for three classes: the row's sum is printed right, 19.562"
UNET = "its form is not published; ours is near, not equal"


def rows() -> list[Row]:
    """Builds every network without memory for its weights and counts."""
    vit, swin = counts("vit"), counts("swin")
    return [
        Row(NETWORKS, "ViT + UPerNet, full or scratch", 100.849, 3, vit["total"], remark=SCORES),
        Row(NETWORKS, "ViT + UPerNet, head", 15.007, 3, vit["trainable"]),
        Row(NETWORKS, "Swin-UNet, full or scratch", 27.154, 3, swin["total"]),
        Row(NETWORKS, "Swin-UNet, head", 6.752, 3, swin["trainable"]),
        _decoder("SETR-Naive", 0.447, "setr_naive", remark=DIFFERENCE),
        _decoder("SETR-PUP", 0.643, "setr_pup"),
        _decoder("SETR-MLA", 3.790, "setr_mla"),
        _decoder("U-Net", 4.712, "unet", remark=UNET),
        _decoder("UPerNet", 15.095, "upernet", classes=3, remark=MISPRINT),
    ]


def _decoder(name: str, published: float, decoder: str, classes: int = CLASSES, remark: str = "") -> Row:
    trainable = counts("vit", decoder=decoder, classes=classes)["trainable"]
    return Row(DECODERS, name, published, 3, trainable, remark=remark)


def counts(
    kind: str, method: Method = HEAD, decoder: str | None = None, channels: int = CHANNELS, classes: int = CLASSES
) -> dict[str, int]:
    """Counts a network with a method: ``total``, and as ``trainable`` without one what the paper calls its head.

    Args:
        kind: of the encoder, "vit" for ViT-B/16 or "swin" for Swin-T of depths 2-2-2-2.
        method: what is put in.
        decoder: of the network, by default :data:`OWN_DECODER`.
        channels: of the image.
        classes: of the segmentation.
    """
    network = deepcopy(slice_network(kind, decoder or OWN_DECODER[kind], channels, classes))
    with torch.device("meta"):
        return count_parameters(apply_peft(network, method))


def inserted(kind: str, method: Method) -> int:
    """Counts what a method adds to what is trained without it."""
    return counts(kind, method)["trainable"] - counts(kind)["trainable"]


@cache
def slice_network(kind: str, decoder: str, channels: int, classes: int) -> nn.Module:
    """Builds a network without memory for its weights; not to be changed."""
    with torch.device("meta"):
        return build_slice_segmenter(channels, classes, IMAGE_SIZE, {"kind": kind}, decoder)
