"""A training step of several methods on one network, measured in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import interleaved_seconds, median_ratio, saved_bytes
from segpeft.peft import Method, apply_peft, trainable_parameters

Loss = Callable[[nn.Module], Tensor]


def step_rows(
    base: nn.Module, methods: Mapping[str, Method], full: str, loss: Loss, rounds: int
) -> dict[str, dict[str, Any]]:
    """Measures seconds and bytes of a step of each method, on networks that start alike.

    Args:
        base: the plain network.
        methods: by the name of their row.
        full: the name of the row that the others are related to.
        loss: of a network, in training mode.
        rounds: how often each step is timed.
    """
    steps = {name: TrainingStep(apply_peft(deepcopy(base), method), loss) for name, method in methods.items()}
    rows = {name: {"method": name, **one.bytes()} for name, one in steps.items()}
    seconds = interleaved_seconds(steps, rounds)
    for name, row in rows.items():
        row["step_s"] = median(seconds[name])
        row["time_ratio"] = median_ratio(seconds, name, full)
        for bytes_of in ("saved", "memory"):
            row[f"{bytes_of}_ratio"] = row[f"{bytes_of}_mb"] / rows[full][f"{bytes_of}_mb"]
    return rows


class TrainingStep:
    """One training step of a network: forward, loss, backward, Adam.

    Args:
        network: with a method.
        loss: of the network.
    """

    def __init__(self, network: nn.Module, loss: Loss) -> None:
        self.network, self.loss = network.train(), loss
        self.optimizer = torch.optim.Adam(trainable_parameters(network), lr=1e-4)

    def bytes(self) -> dict[str, Any]:
        """Returns trained parameters, and what the step holds in memory."""
        trained = sum(p.numel() for p in trainable_parameters(self.network))
        saved = saved_bytes(lambda: self.loss(self.network), self.network.parameters())
        held = 4 * (sum(p.numel() for p in self.network.parameters()) + 3 * trained)
        return {"trainable": trained, "saved_mb": saved / 1e6, "memory_mb": (saved + held) / 1e6}

    def __call__(self) -> None:
        """Trains by one step."""
        self.loss(self.network).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
