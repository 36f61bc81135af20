"""A fourth channel added to a network that was trained on three."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
import torch

from segpeft.networks.added_channels import channel_axes
from tests.bundles.runs import TRAINING, outputs, run, save_volume, weights

THREE, FOUR = ["FLAIR", "T1w", "T2w"], ["FLAIR", "T1w", "T1gd", "T2w"]
KNOBS = {**TRAINING, "feature_size": 6, "epochs": 1}


@pytest.fixture(scope="module")
def runs(phantoms, tmp_path_factory):
    """The folder of a training on three channels and one that adds the fourth; the second's workflow."""
    root = tmp_path_factory.mktemp("added")
    for index in (1, 2, 3, 4):
        image = nibabel.load(phantoms / "imagesTr" / f"BRATS_{index:03d}.nii.gz")
        label = nibabel.load(phantoms / "labelsTr" / f"BRATS_{index:03d}.nii.gz")
        for channel, ending in enumerate(("flair", "t1", "t1ce", "t2")):
            path = root / "data" / f"c{index}" / f"c{index}_{ending}.nii.gz"
            save_volume(path, np.asarray(image.dataobj)[..., channel], image.affine)
        save_volume(root / "data" / f"c{index}" / f"c{index}_seg.nii.gz", np.asarray(label.dataobj), label.affine)
    knobs = {**KNOBS, "dataset_dir": root / "data"}
    run("brats_lora", "train", run_id="training", **knobs, channels=THREE, **outputs(root / "three"))
    start = {"trained_model": root / "three" / "models" / "model.pt", "trained_channels": THREE}
    four = {**knobs, **start, **outputs(root / "four"), "epochs": 2, "channels": FOUR}
    return root, four, run("brats_lora", "train", "add_channel", run_id="training", **four)


def test_old_parts_stay_and_new_ones_move(runs):
    root, _, workflow = runs
    before, after = (weights(root / name / "models" / "model.pt") for name in ("three", "four"))
    axes, moved = channel_axes(workflow.parser.get_parsed_content("network")), 0
    for name, value in after.items():
        if name not in axes:
            assert torch.equal(value, before[name]), name
            continue
        axis = axes[name].axis
        slices = value.unflatten(axis, (4, -1)).movedim(axis, 0)
        assert torch.equal(slices[[0, 1, 3]], before[name].unflatten(axis, (3, -1)).movedim(axis, 0)), name
        moved += bool(slices[2].any()) and not name.endswith("lora_a")
    assert moved > 4


def test_the_summary_counts_what_is_trained(runs):
    root, _, workflow = runs
    network = workflow.parser.get_parsed_content("network")
    expected = sum(p.numel() // 4 for name, p in network.named_parameters() if name in channel_axes(network))
    assert json.loads((root / "four" / "out" / "run.json").read_text())["parameters"]["trainable"] == expected
    assert not (root / "four" / "models" / "adapters").exists()  # its base would be no file that anyone has


def test_the_model_is_an_ordinary_one_of_four_channels(runs):
    root, four, _ = runs
    knobs = {name: value for name, value in four.items() if not name.startswith("trained_")}
    run("brats_lora", "train", "evaluate", run_id="evaluating", **{**knobs, "output_dir": root / "evaluation"})
    assert json.loads((root / "evaluation" / "cases_summary.json").read_text())["dice"]["mean"]["n"] > 0


def test_a_resumed_training_keeps_what_it_had_learned(runs):
    root, four, _ = runs
    state = torch.load(root / "four" / "out" / "training_state.pt")["network"]
    knobs = {**four, "resume": True}  # no epoch is left to do: what is in memory afterwards was loaded
    resumed = run("brats_lora", "train", "add_channel", run_id="training", **knobs).parser.get_parsed_content("network")
    assert all(torch.equal(value, state[name]) for name, value in resumed.state_dict().items())
    name = "fusions.0.reduce.weight"
    assert state[name][:, 48:72].any()  # of T1gd: hidden size 24
