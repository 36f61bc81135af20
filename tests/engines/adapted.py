"""A small transformer with LoRA in it."""

from __future__ import annotations

import torch
from monai.networks.nets import ViT
from torch import nn

from segpeft.peft import LoRA, apply_peft


def adapted(rank: int = 2, hidden: int = 12, seed: int = 0, bare: bool = False) -> nn.Module:
    """A one-block ViT of 8^3 voxels; its LoRA already differs from the identity."""
    torch.manual_seed(seed)
    vit = ViT(1, 8, 4, hidden_size=hidden, mlp_dim=2 * hidden, num_layers=1, num_heads=2)
    if bare:
        return vit
    network = apply_peft(vit, LoRA(rank=rank))
    for name, parameter in network.named_parameters():
        if "lora_b" in name:
            nn.init.normal_(parameter)
    return network
