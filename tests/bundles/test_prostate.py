"""`prostate_lora`: T2 and ADC on grids of their own, or in one 4D file; cases without one of the zones."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from segpeft.data.phantoms.__main__ import main as write_phantoms
from tests.bundles.runs import SEGMENTING, SHORT, Volume, outputs, refusal, run, save_volume, weights, workflow
from tests.bundles.zones import T2_SHAPE, make_case

BUNDLE = "prostate_lora"
INFERRING = SEGMENTING[BUNDLE]
TRAINING = {**INFERRING, **SHORT}


@pytest.fixture(scope="module")
def model(zones, tmp_path_factory) -> Path:
    """A network of random weights whose bias marks about half of a volume: no result is empty."""
    parser = workflow(BUNDLE, "inference", dataset_dir=zones, **INFERRING).parser
    network = parser.get_parsed_content("network_def").eval()
    image = parser.get_parsed_content("dataset")[0]["image"].as_tensor()[None]
    with torch.no_grad():
        logits = parser.get_parsed_content("inferer")(image, network)[0].flatten(1)
        network.decoder.out.conv.conv.bias -= logits.median(1).values
    path = tmp_path_factory.mktemp("model") / "model.pt"
    torch.save(network.state_dict(), path)
    return path


def infer(data: Path, out: Path, model: Path, **knobs: object) -> None:
    run(BUNDLE, "inference", dataset_dir=data, output_dir=out, ckpt_path=model, **{**INFERRING, **knobs})


def write(case: dict, folder: Path) -> None:
    for name, volume in case.items():
        save_volume(folder / f"{name}.nii.gz", *volume)


def label_map(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_the_label_map_lies_on_the_grid_of_t2(zones, model, tmp_path):
    infer(zones, tmp_path, model)
    assert len(list(tmp_path.glob("*.nii.gz"))) == 6
    for index in range(1, 7):
        t2, found = nibabel.load(zones / f"P{index}" / "T2.nii.gz"), nibabel.load(tmp_path / f"P{index}_seg.nii.gz")
        assert found.shape == T2_SHAPE
        np.testing.assert_allclose(found.affine, t2.affine, atol=1e-4)
        assert set(np.unique(found.dataobj)) == {0, 1, 2}


def test_the_network_sees_both_channels_of_one_place(zones):
    """Where T2 shows a zone, ADC shows the same one: means over the true zones, after all preprocessing."""
    parser = workflow(BUNDLE, "train", "evaluate", dataset_dir=zones, section="all", **TRAINING).parser
    steps = parser.get_parsed_content("preprocessing")
    for item in parser.get_parsed_content("validate#dataset#data"):
        case = steps(item)
        image, masks = case["image"].as_tensor(), case["label"].as_tensor() > 0.5
        outside = ~masks.any(0)
        t2, adc = ([float(channel[mask].mean()) for mask in (*masks, outside)] for channel in image)
        assert t2[0] > t2[1] + 1 > t2[2] + 1
        assert adc[0] > adc[1] + 0.3 > adc[2] + 0.3
        assert abs(float(image[1][masks[0]].std())) < 0.8  # misplaced by a few mm, it would mix the zones


def stored_otherwise(volume: Volume) -> Volume:
    """The same anatomy with its axes in another order and two of them reversed."""
    voxels, affine = volume
    change = np.zeros((4, 4))
    change[3, 3] = change[1, 0] = 1  # new x is old y; new y runs against old z, new z against old x
    change[2, 1] = change[0, 2] = -1
    change[[2, 0], 3] = np.array(voxels.shape)[[2, 0]] - 1
    return voxels.transpose(1, 2, 0)[:, ::-1, ::-1], affine @ change


@pytest.mark.parametrize("changed", ["T2", "ADC"])
def test_how_a_volume_is_stored_does_not_matter(changed, model, tmp_path):
    case = make_case(3)
    write(case, tmp_path / "data" / "one")
    write({**case, changed: stored_otherwise(case[changed])}, tmp_path / "data" / "two")
    infer(tmp_path / "data", tmp_path / "out", model)
    one, two = (nibabel.load(tmp_path / "out" / f"{name}_seg.nii.gz") for name in ("one", "two"))
    expected = np.asarray(one.dataobj), one.affine
    voxels, affine = stored_otherwise(expected) if changed == "T2" else expected
    np.testing.assert_allclose(two.affine, affine, atol=1e-4)
    assert np.mean(np.asarray(two.dataobj) != voxels) < 0.005


def test_one_4d_file_gives_what_two_files_on_one_grid_give(model, tmp_path):
    """MSD Task05: one file, T2 and ADC, and a dataset.json that names them."""
    (t2, affine), (label, _) = make_case(5)["T2"], make_case(5)["label"]
    adc = t2[::-1].copy()
    write({"T2": (t2, affine), "ADC": (adc, affine), "label": (label, affine)}, tmp_path / "series" / "p")
    save_volume(tmp_path / "msd" / "imagesTr" / "p.nii.gz", np.stack([t2, adc], -1), affine)
    save_volume(tmp_path / "msd" / "labelsTr" / "p.nii.gz", label, affine)
    entry = {"image": "./imagesTr/p.nii.gz", "label": "./labelsTr/p.nii.gz"}
    content = {"modality": {"0": "T2", "1": "ADC"}, "training": [entry]}
    (tmp_path / "msd" / "dataset.json").write_text(json.dumps(content))
    for name in ("series", "msd"):
        infer(tmp_path / name, tmp_path / "out" / name, model)
    np.testing.assert_array_equal(*(label_map(tmp_path / "out" / name / "p_seg.nii.gz") for name in ("series", "msd")))


@pytest.fixture
def lacking(tmp_path) -> Path:
    """Four cases: one without a transition zone, one without any label, two whole ones."""
    for index, present in enumerate([(0, 1, 2), (0, 1, 0), (0, 0, 0), (0, 1, 2)]):
        case = make_case(index)
        label, affine = case["label"]
        write({**case, "label": (np.array(present, dtype=np.uint8)[label], affine)}, tmp_path / "data" / f"P{index}")
    return tmp_path / "data"


@pytest.mark.parametrize("fold", [0, 1])
def test_absent_zones_break_neither_training_nor_metrics(fold, lacking, tmp_path):
    knobs = {**TRAINING, "folds": 2, "fold": fold, "epochs": 1, "dataset_dir": lacking}
    run(BUNDLE, "train", **knobs, **outputs(tmp_path))
    assert all(value.isfinite().all() for value in weights(tmp_path / "models" / "model.pt").values())
    assert 0 <= json.loads((tmp_path / "out" / "run.json").read_text())["best_metric"] <= 1


def test_an_evaluation_counts_absent_zones_by_the_policy(lacking, model, tmp_path):
    knobs = {**TRAINING, "section": "all", "dataset_dir": lacking, "ckpt_path": model, "output_dir": tmp_path / "out"}
    run(BUNDLE, "train", "evaluate", **knobs)
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        rows = {(row["case"], row["region"]): row for row in csv.DictReader(file)}
    assert len(rows) == 4 * 2
    for place in (("P1", "TZ"), ("P2", "PZ"), ("P2", "TZ")):
        assert rows[place]["truth_voxels"] == "0"
        assert rows[place]["policy"] == "false_positive"
        assert float(rows[place]["dice"]) == 0
        diagonal = np.linalg.norm(np.array(T2_SHAPE) * [1.4, 1.4, 3.6])
        assert float(rows[place]["hd95"]) == pytest.approx(diagonal, rel=1e-3)


def without_adc(folder: Path) -> None:
    (folder / "ADC.nii.gz").unlink()


def elsewhere(folder: Path) -> None:
    adc = nibabel.load(folder / "ADC.nii.gz")
    affine = adc.affine.copy()
    affine[2, 3] += 120
    save_volume(folder / "ADC.nii.gz", np.asarray(adc.dataobj), affine)


def without_signal(folder: Path) -> None:
    adc = nibabel.load(folder / "ADC.nii.gz")
    save_volume(folder / "ADC.nii.gz", np.zeros(adc.shape, np.float32), adc.affine)


def several_b_values(folder: Path) -> None:
    adc = nibabel.load(folder / "ADC.nii.gz")
    save_volume(folder / "ADC.nii.gz", np.stack([np.asarray(adc.dataobj)] * 2, -1), adc.affine)


BAD = {
    without_adc: ("P2", "has no ADC", "ADC.nii.gz or a DICOM folder ADC"),
    elsewhere: ("P2/ADC.nii.gz", "covers 0 % of", "P2/T2.nii.gz", "expected at least"),
    without_signal: ("P2/ADC.nii.gz", "all zero"),
    several_b_values: ("P2/ADC.nii.gz", "2 channels", "expected 1"),
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_bad_case_is_named_and_the_others_are_done(spoil, zones, model, tmp_path):
    for name in ("P1", "P2"):
        shutil.copytree(zones / name, tmp_path / "data" / name)
    spoil(tmp_path / "data" / "P2")
    message = refusal(infer, tmp_path / "data", tmp_path / "out", model)
    assert not [word for word in ("1 of 2 cases", *BAD[spoil]) if word not in message], message
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["P1_seg.nii.gz"]
    knobs = {**TRAINING, "folds": 2, "dataset_dir": tmp_path / "data"}
    message = refusal(run, BUNDLE, "train", **knobs, **outputs(tmp_path / "training"))
    assert not [word for word in BAD[spoil] if word not in message], message
    assert not (tmp_path / "training" / "models").exists()


def test_an_encoder_of_cubic_patches_is_refused(zones, pretrained, tmp_path):
    knobs = {**TRAINING, "dataset_dir": zones, "pretrained_encoder": pretrained[0], **outputs(tmp_path)}
    message = refusal(run, BUNDLE, "train", **knobs)
    words = (str(pretrained[0]), "patch_size [8, 8, 8]", "patch_size [8, 8, 4]")
    assert not [word for word in words if word not in message]
    assert not (tmp_path / "models").exists()


def test_labels_numbered_the_other_way_round_are_one_knob(zones, model, tmp_path):
    for scheme in ("msd_prostate", "prostate158"):
        infer(zones, tmp_path / scheme, model, label_scheme=scheme)
    one, other = (label_map(tmp_path / scheme / "P1_seg.nii.gz") for scheme in ("msd_prostate", "prostate158"))
    np.testing.assert_array_equal(np.array([0, 2, 1])[one], other)


def test_dicom_series_through_training_and_inference(tmp_path):
    """T2 and ADC as folders of DICOM files on grids of their own; the label was drawn on a NIfTI file of T2."""
    shape = ["--shape", "32", "32", "11"]
    assert write_phantoms(["prostate", "--dicom", "--cases", "3", *shape, "--out", str(tmp_path / "data")]) == 0
    knobs = {**TRAINING, "spacing": [6.0, 6.0, 3.6], "folds": 2, "epochs": 1, "dataset_dir": tmp_path / "data"}
    run(BUNDLE, "train", **knobs, **outputs(tmp_path))
    infer(tmp_path / "data", tmp_path / "maps", tmp_path / "models" / "model.pt", spacing=[6.0, 6.0, 3.6])
    assert len(list((tmp_path / "maps").glob("*.nii.gz"))) == 3
    for case in (path for path in (tmp_path / "data").iterdir() if path.is_dir()):
        label, found = (nibabel.load(p) for p in (case / "label.nii.gz", tmp_path / "maps" / f"{case.name}_seg.nii.gz"))
        label, found = nibabel.as_closest_canonical(label), nibabel.as_closest_canonical(found)
        assert found.shape == label.shape
        np.testing.assert_allclose(found.affine, label.affine, atol=1e-2)
