"""A training step of Med-Tuning beside full fine-tuning and other methods: ``python -m benchmarks.med_tuning_step``."""

from __future__ import annotations

import sys
from copy import deepcopy
from statistics import median
from typing import Any

import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn

from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from benchmarks.training_step import step_rows
from segpeft.networks import build_slice_segmenter
from segpeft.peft import DecoderOnly, Full, MedAdapter, Method, apply_peft
from segpeft.peft.med_adapter import INITS, VARIANTS, MedAdapterSocket
from segpeft.tables.med_tuning_methods import PUBLISHED

SHAPE, CLASSES = (1, 1, 128, 128, 32), 3  # (B, C, H, W, D)
ROUNDS = 3
FULL, HEAD, OURS, REFERENCE = "Full", "Head", "Med-Tuning", "Med-Tuning, variant reference"
METHODS: dict[str, Method] = {
    FULL: Full(),
    HEAD: DecoderOnly(),
    OURS: MedAdapter(),
    REFERENCE: MedAdapter(variant="reference", slices=SHAPE[-1]),
}
OTHERS: dict[str, Method] = {FULL: Full(), **{name: method for name, (method, _, _) in PUBLISHED.items()}}
NOTE = (
    "ViT-B/16 + UPerNet on one channel of 128 x 128 x 32, three classes, batch 1, float32. Step: forward, Dice + cross "
    "entropy, backward, Adam; CPU seconds, medians of 3 interleaved rounds. Saved: storages that autograd keeps for "
    "the backward pass, each once, parameters left out. Memory: those, all weights, and gradient and two moments of "
    "Adam for what is trained. The bounds are the ratios that the paper reports for its GPU."
)
START_NOTE = (
    "Norm of what an adapter adds to the tokens, as a share of the norm of the tokens that it gets: before the first "
    "step, in training mode, one volume of noise, over the 12 blocks of a ViT-B/16 whose own weights are random."
)


def step() -> Section:
    """Measures a step of Med-Tuning beside those of full fine-tuning and of the decoder alone."""
    rows = _rows(METHODS)
    targets = [
        Target(f"{name} / {FULL}: {what}", rows[name][ratio], bound)
        for name in (OURS, REFERENCE)
        for what, ratio, bound in (
            ("step time", "time_ratio", 0.90),
            ("saved bytes", "saved_ratio", 0.82),
            ("memory", "memory_ratio", 0.82),
        )
    ]
    return Section("Training step of Med-Tuning", NOTE, list(rows.values()), targets)


def others() -> Section:
    """Measures a step of the other methods beside that of full fine-tuning."""
    rows = _rows(OTHERS)
    targets = [Target(f"{name} / {FULL}: step time", row["time_ratio"], 1.0) for name, row in rows.items()]
    return Section("Training step of other methods", NOTE, list(rows.values()), targets[1:])


def _rows(methods: dict[str, Method]) -> dict[str, dict[str, Any]]:
    torch.manual_seed(1)
    image, label = torch.randn(SHAPE), torch.randint(CLASSES, SHAPE)
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    return step_rows(_network(), methods, FULL, lambda network: loss(network(image), label), ROUNDS)


def start() -> Section:
    """Measures by how much the adapters change the tokens before they are trained."""
    base = _network()
    torch.manual_seed(1)
    image, rows = torch.randn(SHAPE), []
    for variant in VARIANTS:
        for init in INITS:
            network = apply_peft(deepcopy(base), MedAdapter(variant=variant, init=init, slices=SHAPE[-1])).train()
            changes = _Changes(network)
            with torch.no_grad():
                network(image)
            found = changes.found
            rows.append(
                {"variant": variant, "init": init, "first": found[0], "median": median(found), "last": found[-1]}
            )
    targets = [
        Target(f"{row['variant']}, init zero: change of the tokens", row["median"], 0.0)
        for row in rows
        if row["init"] == "zero"
    ]
    return Section("Tokens changed by an untrained adapter", START_NOTE, rows, targets)


def _network() -> nn.Module:
    torch.manual_seed(0)
    return build_slice_segmenter(SHAPE[1], CLASSES, SHAPE[2:], {"kind": "vit"}, "upernet")


class _Changes:
    """Writes down how much each Med-Adapter of a network changes its tokens."""

    def __init__(self, network: nn.Module) -> None:
        self.found: list[float] = []
        for module in network.modules():
            if isinstance(module, MedAdapterSocket):
                module.register_forward_hook(self._note)

    def _note(self, module: nn.Module, given: tuple[Any, ...], result: tuple[Tensor, Tensor]) -> None:
        tokens = given[0]
        self.found.append(((result[0] - tokens).norm() / tokens.norm()).item())


SUITE = Suite(
    "python -m benchmarks.med_tuning_step",
    RESULTS / "med_tuning_step.json",
    {"step": step, "others": others, "start": start},
)

if __name__ == "__main__":
    sys.exit(main(suite=SUITE))
