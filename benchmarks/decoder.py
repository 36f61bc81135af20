"""A training step of UNETR's decoder: with recomputed activations against MONAI's blocks as they are."""

from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import give_memory_back
from benchmarks.measure import interleaved_seconds, median_ratio, saved_bytes
from benchmarks.targets import Section, Target
from segpeft.networks.decoders import UNETRDecoder

CHANNELS, REGIONS, WIDTH, PATCH = 4, 3, 768, 16
SETTINGS = ((16, 96, 6), (32, 96, 6), (64, 64, 4))  # feature size, voxels along an axis, rounds
NOTE = (
    "UNETR's decoder for 4 channels and 3 regions, batch 1, float32, given features of width 768; all weights trained. "
    "Plain: MONAI's UnetResBlock. Step: forward, backward to weights and features, Adam; CPU seconds, medians. "
    "At feature size 64 on 64^3 voxels: a step on 96^3 takes a minute, and two networks that train on it 10 GB."
)


def decoder() -> Section:
    """Measures seconds and saved bytes at feature sizes 16, 32 and 64."""
    rows, targets = [], []
    for feature_size, size, rounds in SETTINGS:
        give_memory_back()
        pair = _measure(feature_size, size, rounds)
        rows.extend(pair)
        where = f"decoder, feature size {feature_size}, {size}^3"
        targets.append(Target(f"{where}: saved bytes, recomputed / plain", pair[0]["saved_ratio"], 0.80))
        targets.append(Target(f"{where}: step time, recomputed / plain", pair[0]["time_ratio"], 1.05))
    return Section("Decoder", NOTE, rows, targets)


def _measure(feature_size: int, size: int, rounds: int) -> list[dict[str, Any]]:
    steps = {name: _Step(feature_size, size, name == "recomputed") for name in ("recomputed", "plain")}
    saved = {name: saved_bytes(step.forward, step.network.parameters()) for name, step in steps.items()}
    seconds = interleaved_seconds(steps, rounds)
    return [
        {
            "decoder": name,
            "feature_size": feature_size,
            "image": size,
            "rounds": rounds,
            "saved_mb": saved[name] / 1e6,
            "step_s": median(seconds[name]),
            "time_ratio": median_ratio(seconds, name, "plain"),
            "saved_ratio": saved[name] / saved["plain"],
        }
        for name in steps
    ]


class _Step:
    """One training step of a decoder, its inputs and the gradient of its output given."""

    def __init__(self, feature_size: int, size: int, recompute: bool) -> None:
        torch.manual_seed(0)
        self.network = UNETRDecoder(CHANNELS, REGIONS, WIDTH, feature_size, (PATCH,) * 3, recompute=recompute)
        self.image = torch.randn(1, CHANNELS, size, size, size)
        tokens = size // PATCH
        self.features = [torch.randn(1, WIDTH, tokens, tokens, tokens, requires_grad=True) for _ in range(4)]
        self.gradient = torch.randn(1, REGIONS, size, size, size)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)

    def forward(self) -> Tensor:
        """Returns the logits."""
        return self.network(self.image, self.features)

    def __call__(self) -> None:
        """Trains by one step."""
        self.forward().backward(self.gradient)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for feature in self.features:
            feature.grad = None
