"""A training step of the encoder: batched channel LoRA, the loop that switches adapters, full fine-tuning."""

from statistics import median
from typing import Any

import torch
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from benchmarks.measure import count_ops, interleaved_seconds, median_ratio, saved_bytes
from benchmarks.switching_loop import LAYERS, SwitchingLoop
from benchmarks.targets import Section, Target
from segpeft.networks.vit_encoder import vit_encoder
from segpeft.peft import ChannelLoRA, apply_peft, trainable_parameters

CHANNELS, RANK, SIZE, PATCH, WIDTH, BLOCKS = 4, 32, 96, 16, 768, 12
ROUNDS = 7
TAPS = (3, 6, 9)  # hidden states that UNETR reads, beside the last
BATCHED, KEPT, LOOP, FULL = "batched", "batched, nothing recomputed", "adapter-switching loop", "full fine-tuning"
NOTE = (
    "ViT-B, 4 channels of 96^3, batch 1, float32, r = 32 on qkv, out_proj, linear1, linear2. Full fine-tuning: the "
    "same ViT with torch's fused attention, channels in the batch, no adapters, all weights trained. The loop: MONAI's "
    "stock attention, adapters switched by hand. Step: forward, backward of the four latents that UNETR reads, Adam; "
    "CPU seconds, medians of 7 rounds. Operations: ATen, of the step without Adam. Saved: storages that autograd keeps "
    "for the backward pass, each once, parameters left out."
)


def encoder() -> Section:
    """Measures seconds, operations and saved bytes of each way to train the encoder."""
    networks = {BATCHED: _batched(True), KEPT: _batched(False), LOOP: _loop(), FULL: _plain()}
    image = torch.randn(1, CHANNELS, SIZE, SIZE, SIZE)
    steps = {name: _Step(network, image) for name, network in networks.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, step in steps.items():
        rows[name] = {"encoder": name, "saved_mb": saved_bytes(step.forward, networks[name].parameters()) / 1e6}
        rows[name]["ops"] = count_ops(step.forward_backward)
        rows[name]["trainable"] = sum(p.numel() for p in trainable_parameters(networks[name]))
    seconds = interleaved_seconds(steps, ROUNDS)
    for name, row in rows.items():
        row["step_s"] = median(seconds[name])
        row["time_ratio"] = median_ratio(seconds, name, FULL)
        row["saved_ratio"] = row["saved_mb"] / rows[FULL]["saved_mb"]
    return Section("Encoder", NOTE, list(rows.values()), _targets(rows))


def _targets(rows: dict[str, dict[str, Any]]) -> list[Target]:
    ours, full = rows[BATCHED], rows[FULL]
    return [
        Target("encoder: step time, batched / full fine-tuning", ours["time_ratio"], 0.80),
        Target("encoder: saved bytes, batched / full fine-tuning", ours["saved_mb"] / full["saved_mb"], 0.62),
        Target("encoder: operations, batched / loop", ours["ops"] / rows[LOOP]["ops"], 0.25),
    ]


class _Step:
    """One training step of an encoder, its input and the gradients of its outputs given."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        folded = image.transpose(0, 1).flatten(0, 1).unsqueeze(1)  # (C * B, 1, H, W, D)
        self.network, self.image = network, image if isinstance(network, SwitchingLoop) else folded
        self.optimizer = torch.optim.Adam(trainable_parameters(network), lr=1e-4)
        with torch.no_grad():
            self.gradients = [torch.randn_like(one) for one in self.forward()]

    def forward(self) -> list[Tensor]:
        """Returns the four latents, of each channel by itself or of all."""
        outputs = self.network(self.image)
        return [
            latent
            for last, hidden in (outputs if isinstance(outputs, list) else [outputs])
            for latent in (*(hidden[tap] for tap in TAPS), last)
        ]

    def forward_backward(self) -> None:
        """Leaves gradients in the trainable parameters."""
        torch.autograd.backward(self.forward(), self.gradients)

    def __call__(self) -> None:
        """Trains by one step."""
        self.forward_backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def _plain() -> ViT:
    torch.manual_seed(0)
    return vit_encoder((SIZE,) * 3, (PATCH,) * 3, WIDTH, num_layers=BLOCKS)


def _batched(recompute: bool) -> nn.Module:
    targets = tuple(path.rpartition(".")[2] for path in LAYERS)
    return apply_peft(_plain(), ChannelLoRA(rank=RANK, channels=CHANNELS, targets=targets, recompute=recompute))


def _loop() -> SwitchingLoop:
    torch.manual_seed(0)
    vit = ViT(1, (SIZE,) * 3, (PATCH,) * 3, WIDTH, num_layers=BLOCKS)
    return SwitchingLoop(vit, CHANNELS, RANK, scaling=8.0 / RANK**0.5)
