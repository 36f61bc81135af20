"""The overlays of `kits_medtuning`: other networks, other data, other methods, each through the commands it is for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segpeft.engines.inferers import FlipTTAInferer
from tests.bundles.painted import read_volume, write_msd_set
from tests.bundles.runs import (
    BUNDLES,
    SEGMENTING,
    SEGMENTING_SWIN,
    SHORT,
    config_files,
    outputs,
    run,
    save_volume,
    weights,
    workflow,
)

BUNDLE = "kits_medtuning"
TINY = SEGMENTING[BUNDLE]
METHODS = sorted(path.stem for path in (BUNDLES / BUNDLE / "configs" / "methods").glob("*.json"))
RUNNING = {"num_workers": 0, "warmup": 0.3}
ONE_EPOCH = {**RUNNING, **SHORT, "folds": 2, "epochs": 1}
SWIN_UNETR = {
    **RUNNING,
    "spacing": [9.0, 9.0, 9.0],
    "image_size": [64, 64, 32],
    "encoder#feature_size": 12,
    "encoder#depths": [1, 1, 1, 1],
    "encoder#num_heads": [1, 2, 2, 2],
    "encoder#window_size": 2,
}
BRAIN = {name: value for name, value in TINY.items() if name != "spacing"}
READER = {"_target_": "torch.nn.Conv3d", "in_channels": 4, "out_channels": 3, "kernel_size": 1}


def overlay(name: str) -> str:
    return config_files(BUNDLE, name)[0]


def with_method(base: list[str], method: str) -> list[str]:
    return base if method == "med_tuning" else [*base, overlay(f"methods/{method}")]


def train(folder: Path, overlays: list[str], **knobs: object) -> dict:
    """Trains for an epoch; returns the report."""
    run(BUNDLE, "train", *overlays, **{**ONE_EPOCH, **knobs}, **outputs(folder))
    assert all(value.isfinite().all() for value in weights(folder / "models" / "model.pt").values())
    return json.loads((folder / "out" / "run.json").read_text())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_with_the_vit(method, abdomens, tmp_path):
    counts = train(tmp_path, with_method([], method), dataset_dir=abdomens, **TINY)["parameters"]
    assert (counts["trainable"] == counts["total"]) == (method in ("full", "scratch"))


@pytest.mark.parametrize("method", ["med_tuning", *(pytest.param(name, marks=pytest.mark.slow) for name in METHODS)])
def test_every_method_trains_with_swin(method, abdomens, tmp_path):
    overlays = with_method([overlay("swin")], method)
    counts = train(tmp_path, overlays, dataset_dir=abdomens, **SEGMENTING_SWIN)["parameters"]
    assert (counts["trainable"] == counts["total"]) == (method in ("full", "scratch"))
    if method == "med_tuning":
        knobs = {**SEGMENTING_SWIN, "dataset_dir": abdomens, "ckpt_path": tmp_path / "models" / "model.pt"}
        run(BUNDLE, "inference", *overlays, output_dir=tmp_path / "maps", **knobs)
        assert len(list((tmp_path / "maps").glob("*.nii.gz"))) == 6


def test_scratch_takes_no_encoder(abdomens, tmp_path):
    """Whatever an overlay before it says."""
    earlier = tmp_path / "encoder.json"
    earlier.write_text(json.dumps({"pretrained_encoder": "/no/such/file"}))
    made = workflow(BUNDLE, "train", str(earlier), overlay("methods/scratch"), dataset_dir=abdomens, **TINY)
    assert made.parser["pretrained_encoder"] is None


@pytest.fixture(scope="module")
def single_organ(abdomens, tmp_path_factory) -> dict[str, Path]:
    """Abdomens in which one organ is labelled, as CT and as MRI, in the layout of the Decathlon."""
    cases = []
    for case in sorted(abdomens.glob("case_*"))[:3]:
        label, affine = read_volume(case / "segmentation.nii.gz")
        cases.append(((label > 0).astype(np.uint8), affine))
    folder = tmp_path_factory.mktemp("single_organ")
    return {modality: write_msd_set(folder / modality, cases, modality) for modality in ("CT", "MRI")}


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("heart", "med_tuning"),
        *(
            pytest.param(task, method, marks=pytest.mark.slow)
            for task in ("heart", "lung", "spleen")
            for method in ("med_tuning", "full", "scratch")
            if (task, method) != ("heart", "med_tuning")
        ),
    ],
)
def test_swin_unetr_on_the_decathlons_tasks(task, method, single_organ, tmp_path):
    data = single_organ["MRI" if task == "heart" else "CT"]
    overlays = with_method([overlay("swin_unetr"), overlay(task)], method)
    counts = train(tmp_path, overlays, dataset_dir=data, **SWIN_UNETR)["parameters"]
    assert (counts["trainable"] == counts["total"]) == (method != "med_tuning")
    knobs = {**SWIN_UNETR, "dataset_dir": data, "output_dir": tmp_path / "maps"}
    run(BUNDLE, "inference", *overlays, ckpt_path=tmp_path / "models" / "model.pt", **knobs)
    for image in (data / "imagesTr").iterdir():
        found, _ = read_volume(tmp_path / "maps" / image.name.replace(".nii", "_seg.nii"))
        assert found.shape == read_volume(image)[0].shape
        assert set(np.unique(found)) <= {0, 1}


def test_brats_trains_evaluates_and_infers(phantoms, tmp_path):
    overlays, knobs = [overlay("brats")], {**BRAIN, "dataset_dir": phantoms}
    report = train(tmp_path, overlays, **knobs)
    assert report["metrics"]["cases"] == 3
    assert {"dice_WT", "dice_TC", "dice_ET"} <= set(report["metrics"])
    knobs["ckpt_path"] = tmp_path / "models" / "model.pt"
    made = run(BUNDLE, "train", "evaluate", *overlays, **{**ONE_EPOCH, **knobs}, output_dir=tmp_path / "eval")
    assert isinstance(made.parser.get_parsed_content("validate#inferer"), FlipTTAInferer)
    assert made.parser["hd95_missing"] == 373.13
    assert len((tmp_path / "eval" / "cases.csv").read_text().splitlines()) == 1 + 3 * 3
    made = run(BUNDLE, "inference", *overlays, **knobs, output_dir=tmp_path / "maps")
    assert isinstance(made.parser.get_parsed_content("inferer"), FlipTTAInferer)
    for image in (phantoms / "imagesTr").iterdir():
        found, _ = read_volume(tmp_path / "maps" / image.name.replace(".nii", "_seg.nii"))
        assert found.shape == (32, 32, 24)
        assert set(np.unique(found)) <= {0, 1, 2, 3}


def test_the_loss_of_brats_is_dice_alone(phantoms):
    made = workflow(BUNDLE, "train", overlay("brats"), dataset_dir=phantoms, **BRAIN)
    loss, random = made.parser.get_parsed_content("loss"), torch.Generator().manual_seed(0)
    logits, label = torch.randn(2, 1, 3, 8, 8, 8, generator=random)
    torch.testing.assert_close(loss(logits, label > 0), loss.dice(logits, (label > 0).float()))


def brain_with_enhancing(voxels: int) -> tuple[np.ndarray, np.ndarray]:
    """Four channels that show WT, TC and ET one by one, the third with so many voxels, and the label map they make."""
    tumour, core, enhancing = (np.zeros((24, 24, 24), dtype=bool) for _ in range(3))
    tumour[4:20, 4:20, 4:20] = True
    core[5:18, 5:18, 5:18] = True
    places = np.argwhere(core)[:voxels]
    enhancing[tuple(places.T)] = True
    brain = np.zeros(tumour.shape, dtype=np.float32)
    brain[1:-1, 1:-1, 1:-1] = 100
    shown = [np.where(mask, 2 * brain, brain) for mask in (tumour, tumour, enhancing, core)]
    label = tumour.astype(np.uint8) + core + enhancing
    return np.stack(shown, -1), label


@pytest.mark.parametrize(("voxels", "value"), [(499, 2), (500, 3)], ids=["fewer than 500", "500"])
def test_little_enhancing_tumour_counts_as_core(voxels, value, tmp_path):
    image, label = brain_with_enhancing(voxels)
    save_volume(tmp_path / "data" / "case.nii.gz", image, np.eye(4))
    weight = torch.zeros(3, 4, 1, 1, 1)
    for region, channel in enumerate((0, 3, 2)):  # WT is in FLAIR, TC in T2w, ET in T1gd
        weight[region, channel] = 9
    torch.save({"weight": weight, "bias": torch.zeros(3)}, tmp_path / "reader.pt")
    knobs = {**BRAIN, "network_def": READER, "ckpt_path": tmp_path / "reader.pt", "dataset_dir": tmp_path / "data"}
    run(BUNDLE, "inference", overlay("brats"), output_dir=tmp_path / "out", **knobs)
    found, _ = read_volume(tmp_path / "out" / "case_seg.nii.gz")
    np.testing.assert_array_equal(found, np.where(label == 3, value, label))
