"""`kits_medtuning` on abdomens: where a label map lies, which shapes go through, and what the figures count."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.engines import load_model
from segpeft.peft import read_adapter
from tests.bundles.painted import read_volume, reading, write_kits_case
from tests.bundles.runs import SEGMENTING, SHORT, Volume, outputs, run, weights, workflow

BUNDLE = "kits_medtuning"
INFERRING = SEGMENTING[BUNDLE]
TRAINING = {**INFERRING, **SHORT}
SHAPE = (44, 44, 24)


@pytest.fixture(scope="module")
def truth(abdomens) -> Volume:
    """A label map as KiTS19 has it, slices first, with both labels in it."""
    label, affine = read_volume(abdomens / "case_00002" / "segmentation.nii.gz")
    assert set(np.unique(label)) == {0, 1, 2}
    assert nibabel.aff2axcodes(affine) == ("I", "P", "L")
    return label, affine


@pytest.fixture(scope="module")
def trained(abdomens, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained_kits")
    run(BUNDLE, "train", dataset_dir=abdomens, **TRAINING, **outputs(folder))
    return folder


def infer(data: Path, out: Path, **knobs: object) -> None:
    run(BUNDLE, "inference", dataset_dir=data, output_dir=out, **{**INFERRING, **knobs})


def dice(ours: np.ndarray, theirs: np.ndarray) -> float:
    return 2 * np.sum(ours & theirs) / (np.sum(ours) + np.sum(theirs))


def reoriented(volume: Volume, axes: str) -> Volume:
    """The same anatomy with its voxels in another order."""
    turn = ornt_transform(io_orientation(volume[1]), axcodes2ornt(axes))
    turned = nibabel.Nifti1Image(*volume).as_reoriented(turn)
    return np.asarray(turned.dataobj), turned.affine


def cropped(volume: Volume, box: tuple[slice, ...]) -> Volume:
    label, affine = volume
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [cut.start or 0 for cut in box]
    return label[box], moved


VOLUMES = {
    "as distributed": lambda volume: volume,
    "RAS": lambda volume: reoriented(volume, "RAS"),
    "LPS": lambda volume: reoriented(volume, "LPS"),
    "fewer slices than a window": lambda volume: cropped(volume, np.s_[10:15, :, :]),
    "one slice": lambda volume: cropped(volume, np.s_[12:13, :, :]),
    "not square": lambda volume: cropped(volume, np.s_[:, 8:38, :]),
    "smaller than a window": lambda volume: cropped(volume, np.s_[8:16, 16:34, 2:22]),
}


@pytest.fixture(scope="module")
def read_off(truth, tmp_path_factory) -> tuple[Path, Path]:
    """Volumes that show their label, and what an inference on their own voxels reads off them."""
    folder = tmp_path_factory.mktemp("read_off")
    for index, change in enumerate(VOLUMES.values()):
        write_kits_case(folder / "data" / f"case_{index:05d}", *change(truth))
    infer(folder / "data", folder / "out", spacing=None, **reading(folder))
    return folder / "data", folder / "out"


@pytest.mark.parametrize("name", VOLUMES)
def test_the_label_map_comes_back_as_the_file_lies(name, read_off):
    case = f"case_{list(VOLUMES).index(name):05d}"
    expected, affine = read_volume(read_off[0] / case / "segmentation.nii.gz")
    found, placed = read_volume(read_off[1] / f"{case}_seg.nii.gz")
    np.testing.assert_allclose(placed, affine, atol=1e-4)
    assert expected.any()
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


def test_resampling_there_and_back_keeps_the_place(truth, tmp_path):
    write_kits_case(tmp_path / "data" / "case_00000", *truth)
    infer(tmp_path / "data", tmp_path / "out", spacing=[5.0, 5.0, 7.0], **reading(tmp_path))
    found, placed = read_volume(tmp_path / "out" / "case_00000_seg.nii.gz")
    np.testing.assert_allclose(placed, truth[1], atol=1e-4)
    kidney = found > 0
    assert dice(kidney, truth[0] > 0) > 0.9
    for axis in range(3):
        assert dice(np.flip(kidney, axis), truth[0] > 0) < 0.8  # a flip would have been seen
        assert dice(np.roll(kidney, 1, axis), truth[0] > 0) < 0.9


@pytest.mark.parametrize("size", [[32, 24, 16], [32, 24, 20], [32, 24, 5]], ids=["as trained", "more", "odd"])
def test_another_number_of_slices_than_in_training(size, abdomens, trained, tmp_path):
    infer(abdomens, tmp_path, image_size=size, ckpt_path=trained / "models" / "model.pt")
    assert len(list(tmp_path.glob("*.nii.gz"))) == 6
    for index in range(6):
        expected, affine = read_volume(abdomens / f"case_{index:05d}" / "imaging.nii.gz")
        found, placed = read_volume(tmp_path / f"case_{index:05d}_seg.nii.gz")
        assert found.shape == expected.shape
        np.testing.assert_allclose(placed, affine, atol=1e-4)
        assert set(np.unique(found)) <= {0, 1, 2}


def test_training_evaluation_and_inference_in_the_layout_of_the_decathlon(tmp_path):
    layout = ["--layout", "msd", "--shape", *map(str, SHAPE)]
    assert write_phantoms(["abdomen", "--cases", "4", *layout, "--out", str(tmp_path / "data")]) == 0
    knobs = {**TRAINING, "folds": 2, "epochs": 1, "dataset_dir": tmp_path / "data"}
    run(BUNDLE, "train", **knobs, **outputs(tmp_path))
    run(BUNDLE, "train", "evaluate", **knobs, **{**outputs(tmp_path), "output_dir": tmp_path / "eval"})
    assert len((tmp_path / "eval" / "cases.csv").read_text().splitlines()) == 1 + 2 * 2
    infer(tmp_path / "data", tmp_path / "maps", ckpt_path=tmp_path / "models" / "model.pt")
    for image in (tmp_path / "data" / "imagesTr").iterdir():
        expected, affine = read_volume(image)
        found, placed = read_volume(tmp_path / "maps" / image.name.replace(".nii", "_seg.nii"))
        assert found.shape == expected.shape[:3]
        np.testing.assert_allclose(placed, affine, atol=1e-4)


WITHOUT_TUMOUR = np.array([0, 1, 1], dtype=np.uint8)
SCORED = {  # what is true, what the image shows; Dice of kidney and of tumour, and the policy for the tumour
    "all found": (None, None, 1.0, 1.0, ""),
    "tumour taken for kidney": (None, WITHOUT_TUMOUR, 1.0, 0.0, "missed"),
    "kidney taken for tumour": (WITHOUT_TUMOUR, None, 1.0, 0.0, "false_positive"),
    "no tumour": (WITHOUT_TUMOUR, WITHOUT_TUMOUR, 1.0, 1.0, "both_empty"),
    "nothing found": (None, np.zeros(3, dtype=np.uint8), 0.0, 0.0, "missed"),
}


@pytest.fixture(scope="module")
def scored(truth, tmp_path_factory) -> tuple[Path, dict]:
    """An evaluation of cases whose scores are known."""
    folder, (label, affine) = tmp_path_factory.mktemp("scored"), truth
    for index, (true, shown, *_) in enumerate(SCORED.values()):
        masks = [label if change is None else change[label] for change in (true, shown)]
        write_kits_case(folder / "data" / f"case_{index:05d}", masks[0], affine, masks[1])
    knobs = {**TRAINING, **reading(folder), "spacing": None, "section": "all", "dataset_dir": folder / "data"}
    made = run(BUNDLE, "train", "evaluate", output_dir=folder / "out", cache_dir=folder / "cache", **knobs)
    return folder / "out", made.parser.get_parsed_content("validate#evaluator").state.metrics


@pytest.mark.parametrize("name", SCORED)
def test_a_case_counts_by_the_policy(name, scored, truth):
    case = f"case_{list(SCORED).index(name):05d}"
    with (scored[0] / "cases.csv").open(newline="") as file:
        rows = {row["region"]: row for row in csv.DictReader(file) if row["case"] == case}
    _, _, kidney, tumour, policy = SCORED[name]
    assert list(rows) == ["kidney", "tumour"]
    assert (float(rows["kidney"]["dice"]), float(rows["tumour"]["dice"])) == (kidney, tumour)
    assert rows["tumour"]["policy"] == policy
    diagonal = np.linalg.norm(truth[0].shape * np.linalg.norm(truth[1][:3, :3], axis=0))
    for region, found in (("kidney", kidney), ("tumour", tumour)):
        assert float(rows[region]["hd95"]) == pytest.approx(0 if found else diagonal, rel=1e-4)


def test_the_composite_is_the_mean_of_kidney_and_tumour(scored):
    folder, metrics = scored
    kidney, tumour = (np.mean([row[place] for row in SCORED.values()]) for place in (2, 3))
    assert metrics["dice_kidney"] == pytest.approx(kidney)
    assert metrics["dice_tumour"] == pytest.approx(tumour)
    assert metrics["dice"] == pytest.approx((kidney + tumour) / 2)
    summary = json.loads((folder / "cases_summary.json").read_text())["dice"]
    assert summary["mean"]["mean"] == pytest.approx((kidney + tumour) / 2)


@pytest.mark.parametrize("fold", [0, 1])
def test_absent_tumours_and_kidneys_break_no_training(fold, truth, tmp_path):
    label, affine = truth
    for index, kept in enumerate([(0, 1, 2), (0, 1, 1), (0, 0, 0), (0, 1, 1)]):
        write_kits_case(tmp_path / "data" / f"case_{index:05d}", np.array(kept, dtype=np.uint8)[label], affine)
    knobs = {**TRAINING, "folds": 2, "fold": fold, "epochs": 1, "dataset_dir": tmp_path / "data"}
    run(BUNDLE, "train", **knobs, **outputs(tmp_path))
    assert all(value.isfinite().all() for value in weights(tmp_path / "models" / "model.pt").values())
    assert 0 <= json.loads((tmp_path / "out" / "run.json").read_text())["best_metric"] <= 1


def test_the_adapter_file_holds_the_statistics_of_batch_norms(abdomens, trained):
    """On the frozen base alone it gives the trained network, in evaluation too."""
    state, path = weights(trained / "models" / "model.pt"), trained / "models" / "adapters" / f"{BUNDLE}.safetensors"
    statistics = {key for key in state if key.endswith(("running_mean", "running_var"))}
    assert {key.split(".")[0] for key in statistics} == {"encoder", "decoder"}
    assert statistics <= set(read_adapter(path)[0])
    networks = []
    for _ in range(2):
        parser = workflow(BUNDLE, "inference", dataset_dir=abdomens, **INFERRING).parser
        networks.append(parser.get_parsed_content("network_def").eval())
    whole, composed = networks
    whole.load_state_dict(state)
    with torch.no_grad():
        for name, value in composed.named_parameters():
            if not value.requires_grad:
                value.copy_(state[name])
        image = torch.randn(1, 1, *INFERRING["image_size"], generator=torch.Generator().manual_seed(0))
        load_model(composed, path)
        assert torch.equal(composed(image), whole(image))
        for module in composed.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.reset_running_stats()
        assert not torch.allclose(composed(image), whole(image), atol=1e-4)
