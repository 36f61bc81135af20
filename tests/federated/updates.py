"""Small networks with a method in them, and what their sites would send."""

from __future__ import annotations

import torch
from torch import nn

from segpeft.federated import Update, update_of
from segpeft.peft import LoRA, Method, apply_peft
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

RANK_2 = LoRA(rank=2)


def network(method: Method = RANK_2, base: int = 0) -> nn.Module:
    """Two blocks and a head; `base` seeds the frozen weights."""
    backbone = BACKBONES["slice_vit"].network(base)
    torch.manual_seed(0)  # the same method starts from the same values
    return apply_peft(backbone, method)


def sent(site: str = "a", cases: int = 1, seed: int = 1, method: Method = RANK_2, base: int = 0) -> Update:
    """What a site sends whose training drew other weights."""
    return update_of(shake(network(method, base), seed), site, cases)
