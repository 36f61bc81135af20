"""An encoder of a grid is pre-trained on images as its frozen form will see them."""

import json
from pathlib import Path

import pytest

from segpeft.experiments.grid import read_grid

ROOT = Path(__file__).parents[2]
GRIDS = sorted((ROOT / "benchmarks" / "grids").glob("med_tuning_*.json"))
SIZES = ("patch_size", "hidden_size", "embed_dim", "num_heads", "window_size")


def merged(bundle, names, overrides):
    """The knobs of config files, later ones win, as MONAI merges them."""
    knobs = {}
    for name in names:
        knobs |= json.loads((ROOT / "bundles" / bundle / "configs" / name).read_text(encoding="utf-8"))
    return knobs | overrides


FORMS = [(path, tiny) for path in GRIDS for tiny in (False, True) if not tiny or read_grid(path).tiny]


@pytest.mark.parametrize(("path", "tiny"), FORMS, ids=lambda part: getattr(part, "stem", "tiny" if part else "whole"))
def test_pretraining_scales_images_as_the_training_does(path, tiny):
    grid = read_grid(path, tiny)
    pretraining = merged("vit_mae", grid.values["pretraining_configs"], {})
    training = merged(grid.bundle, [*grid.stages[0].configs, *grid.overlays], dict(grid.overrides))
    for knob in ("intensity", "spacing"):
        assert pretraining[knob] == training[knob], knob
    for size in SIZES:
        assert pretraining["encoder"].get(size) == training["encoder"].get(size), size
