"""A training step of every method beside full fine-tuning: ``python -m benchmarks.methods_step``.

Networks, window sizes and methods are those of the grids ``methods_*``, one window of noise a step.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from benchmarks.evaluating import GRIDS, ROOT
from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from benchmarks.training_step import step_rows
from segpeft.bundle.json_files import read_json
from segpeft.engines import RegionDiceBCELoss
from segpeft.experiments.grid import Grid, read_grid
from segpeft.networks import build_slice_segmenter
from segpeft.peft import Method, method_from

CONFIGS = ROOT / "bundles" / "kits_medtuning" / "configs"
REGIONS = 2
ROUNDS = 5
NOTE = (
    "The tiny network and the window of the grids on the hippocampus, two regions, batch 1, float32. Step: forward, "
    f"Dice + BCE, backward, Adam; CPU seconds, medians of {ROUNDS} interleaved rounds. Saved: storages that autograd "
    "keeps for the backward pass, each once, parameters left out."
)


def vit() -> Section:
    """Measures every row of the grids over methods and of the study, with the ViT."""
    return _section("ViT", "methods_hippocampus_vit", "methods_study_hippocampus")


def swin() -> Section:
    """Measures every row of the grids over methods, with the Swin."""
    return _section("Swin", "methods_hippocampus_swin")


def _section(kind: str, *names: str) -> Section:
    grids = [read_grid(GRIDS / f"{name}.json") for name in names]
    methods = {name: method for grid in grids for name, method in _methods(grid).items()}
    knobs, size = _knobs(grids[0]), grids[0].values["image_size"]
    torch.manual_seed(0)
    base = build_slice_segmenter(1, REGIONS, size, knobs["encoder"], knobs["decoder"], knobs["feature_size"])
    image, label = torch.randn(1, 1, *size), torch.randint(2, (1, REGIONS, *size)).float()
    loss = RegionDiceBCELoss()
    rows = step_rows(base, methods, "full", lambda network: loss(network(image), label), ROUNDS)
    head = Target("decoder_only / full: step time", rows["decoder_only"]["time_ratio"], 1.0)
    return Section(f"Training step of every method, {kind}", NOTE, list(rows.values()), [head])


def _methods(grid: Grid) -> dict[str, Method]:
    return {name: method_from(row["method"]) for name, row in grid.configurations.items() if "method" in row}


def _knobs(grid: Grid) -> dict[str, Any]:
    """Returns the settings of the bundle's training with a grid's overlays and overrides."""
    knobs: dict[str, Any] = {}
    for name in ("train.json", *grid.overlays):
        knobs |= read_json(CONFIGS / name)
    return knobs | grid.overrides


SUITE = Suite("make bench BENCH=methods_step", RESULTS / "methods_step.json", {"vit": vit, "swin": swin})

if __name__ == "__main__":
    sys.exit(main(suite=SUITE))
