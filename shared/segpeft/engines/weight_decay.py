"""Which parameters an optimizer shall pull towards 0."""

from __future__ import annotations

from typing import Any

from torch import nn

from segpeft.peft import trainable_parameters

EMBEDDINGS = (
    "cls_token",
    "mask_token",
    "mask_tokens",
    "position_embeddings",
    "pos_embedding",
    "relative_position_bias_table",
)
"""Endings of the names of learned tokens and positions, which are added to something instead of multiplied with it."""


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Returns an optimizer's groups of the trainable parameters: weights that decay, and all else, which does not.

    Biases, norms (everything of one axis), learned tokens and position embeddings do not decay.
    """
    kept = [p for name, p in network.named_parameters() if p.ndim < 2 or name.endswith(EMBEDDINGS)]
    spared = {id(parameter) for parameter in kept}
    trained = trainable_parameters(network)
    return [
        {"params": [p for p in trained if id(p) not in spared], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
    ]
