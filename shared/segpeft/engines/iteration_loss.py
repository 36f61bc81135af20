"""The loss of the last training step."""

from __future__ import annotations

from typing import Any


def iteration_loss(output: Any) -> float:
    """Returns the loss in a MONAI trainer's output, decollated (a list) or not (a dict)."""
    loss = (output[0] if isinstance(output, list) else output)["loss"]
    return float(loss)
