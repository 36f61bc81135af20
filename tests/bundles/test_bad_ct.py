"""CTs, label maps and weight files that `kits_medtuning` cannot use: one line each, and the good cases get done."""

from __future__ import annotations

import gzip
import io
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from segpeft.networks import build_masked_autoencoder, save_encoder
from segpeft.peft import save_adapter
from tests.bundles.runs import (
    PRETRAINING_SWIN,
    SEGMENTING,
    SHORT,
    Volume,
    arguments,
    config_files,
    outputs,
    plain,
    refusal,
    run,
    save_volume,
    start,
    workflow,
)

BUNDLE = "kits_medtuning"
INFERRING = SEGMENTING[BUNDLE]
TRAINING = {**INFERRING, **SHORT, "folds": 2}
SWIN = {**PRETRAINING_SWIN["encoder"], "patch_size": [4, 4]}


def offset_by_1024(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    save_volume(path, (voxels.clip(-1024) + 1024).astype(np.uint16), affine)


def normalised(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    save_volume(path, ((voxels.clip(-79, 304) - 101) / 76.9).astype(np.float32), affine)


def not_a_number(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    changed = voxels.astype(np.float32)
    changed[3, 4, 5] = np.nan
    save_volume(path, changed, affine)


def zero_slices(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    save_volume(path, voxels[:0], affine)


def zero_spacing(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(voxels, affine)
    for row in ("srow_x", "srow_y", "srow_z"):
        image.header[row][0] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(image.header.binaryblock + bytes(4) + voxels.tobytes("F")))


def truncated(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    save_volume(path, voxels, affine)
    path.write_bytes(path.read_bytes()[:9000])


BAD = {  # what the line must say besides the file
    offset_by_1024: ("no value below 0", "1024 too high", "expected Hounsfield units"),
    normalised: ("between -2.341 and 2.64", "normalised", "expected Hounsfield units"),
    not_a_number: ("NaN", "expected finite"),
    zero_slices: ("has the shape [0, 44, 44]", "expected at least one voxel"),
    zero_spacing: ("size of 0 x ", "expected three sizes that are not 0"),
    truncated: ("cannot be read", "expected an intact NIfTI"),
}


@pytest.fixture(scope="module")
def model(abdomens, tmp_path_factory) -> Path:
    """Random weights of the tiny network."""
    parser = workflow(BUNDLE, "inference", dataset_dir=abdomens, **INFERRING).parser
    path = tmp_path_factory.mktemp("model") / "model.pt"
    torch.save(parser.get_parsed_content("network_def").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def source(abdomens) -> Volume:
    image = nibabel.load(abdomens / "case_00002" / "imaging.nii.gz")
    return np.asarray(image.dataobj), image.affine


@pytest.fixture(scope="module")
def batch(source, model, tmp_path_factory) -> tuple[Path, list[str], str]:
    """All bad cases and two good ones in one inference: the folder, the log, and the message that it ended in."""
    folder, log = tmp_path_factory.mktemp("batch"), io.StringIO()
    for index, make in enumerate([save_volume, *BAD, save_volume]):
        make(folder / "data" / f"case_{index:05d}" / "imaging.nii.gz", *source)
    handler = logging.StreamHandler(log)
    logging.getLogger("segpeft").addHandler(handler)
    knobs = {**INFERRING, "dataset_dir": folder / "data", "output_dir": folder / "out", "ckpt_path": model}
    message = refusal(run, BUNDLE, "inference", **knobs)
    logging.getLogger("segpeft").removeHandler(handler)
    return folder, log.getvalue().splitlines(), message


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_bad_image_is_named_with_what_is_wrong(make, batch):
    folder, log, message = batch
    file = folder / "data" / f"case_{list(BAD).index(make) + 1:05d}" / "imaging.nii.gz"
    lines = [line for line in log if line.startswith(f"error: {file}")]
    assert len(lines) == 1, log
    assert not [word for word in BAD[make] if word not in lines[0]], lines[0]
    assert lines[0].removeprefix("error: ") in message


def test_the_good_cases_are_done(batch):
    folder, _, message = batch
    last = len(BAD) + 1
    assert f"{len(BAD)} of {last + 1} cases" in message
    assert sorted(path.name for path in (folder / "out").glob("*.nii.gz")) == [
        f"case_{index:05d}_seg.nii.gz" for index in (0, last)
    ]


def unknown_value(label: np.ndarray, affine: np.ndarray) -> Volume:
    return np.where(label == 2, 3, label).astype(np.uint8), affine


def other_shape(label: np.ndarray, affine: np.ndarray) -> Volume:
    return label[1:], affine


def other_affine(label: np.ndarray, affine: np.ndarray) -> Volume:
    moved = affine.copy()
    moved[2, 3] += 40
    return label, moved


def not_finite(label: np.ndarray, affine: np.ndarray) -> Volume:
    return np.where(label == 2, np.nan, label).astype(np.float32), affine


WRONG_LABELS = {
    unknown_value: ("label values 3", "allows (0, 1, 2)"),
    other_shape: ("(23, 44, 44)", "expected (24, 44, 44)"),
    other_affine: ("affine", "expected"),
    not_finite: ("label values nan", "allows (0, 1, 2)"),
}


@pytest.fixture
def labelled(abdomens, tmp_path) -> Callable[[Callable[..., Volume]], Path]:
    """Makes a data set of three cases, of which the second has a label map that is changed."""

    def make(change: Callable[..., Volume]) -> Path:
        for index in (0, 2, 5):
            shutil.copytree(abdomens / f"case_{index:05d}", tmp_path / "data" / f"case_{index:05d}")
        path = tmp_path / "data" / "case_00002" / "segmentation.nii.gz"
        image = nibabel.load(path)
        save_volume(path, *change(np.array(image.dataobj), image.affine))
        return path

    return make


@pytest.mark.parametrize("change", WRONG_LABELS, ids=lambda change: change.__name__)
def test_a_wrong_label_stops_a_training_and_is_left_out_of_an_evaluation(change, labelled, model, tmp_path):
    path = labelled(change)
    knobs = {**TRAINING, "dataset_dir": tmp_path / "data"}
    message = refusal(run, BUNDLE, "train", **knobs, **outputs(tmp_path))
    assert not [word for word in (str(path), *WRONG_LABELS[change]) if word not in message], message
    assert not (tmp_path / "models").exists()
    knobs = {**knobs, "section": "all", "ckpt_path": model, "output_dir": tmp_path / "eval"}
    message = refusal(run, BUNDLE, "train", "evaluate", **knobs)
    assert not [word for word in ("1 of 3 cases", str(path), *WRONG_LABELS[change]) if word not in message], message
    lines = (tmp_path / "eval" / "cases.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["case_00000"] * 2 + ["case_00005"] * 2


def test_an_encoder_of_another_architecture(abdomens, tmp_path):
    path = tmp_path / "swin.safetensors"
    save_encoder(build_masked_autoencoder([64, 64], {**SWIN, "kind": "swin"}, {}, mask_unit=[8, 8]), path)
    knobs = {**TRAINING, "dataset_dir": abdomens, "pretrained_encoder": path, **outputs(tmp_path)}
    message = refusal(run, BUNDLE, "train", **knobs)
    assert not [word for word in (str(path), "swin", "vit") if word not in message], message
    assert not (tmp_path / "models").exists()


def test_an_adapter_of_another_backbone(abdomens, tmp_path):
    knobs = {name: value for name, value in INFERRING.items() if name != "encoder"}
    swin = workflow(BUNDLE, "inference", dataset_dir=abdomens, **knobs, encoder={**SWIN, "kind": "swin"}).parser
    path = tmp_path / "swin.safetensors"
    save_adapter(swin.get_parsed_content("network_def"), path)
    knobs = {**INFERRING, "dataset_dir": abdomens, "output_dir": tmp_path / "out", "ckpt_path": path}
    message = refusal(run, BUNDLE, "inference", **knobs)
    assert not [word for word in (str(path), "layout", "slice_swin", "slice_vit") if word not in message], message
    assert not (tmp_path / "out").exists()


def test_exit_code_and_one_line_of_a_real_process(batch, model, tmp_path):
    knobs = {**INFERRING, "dataset_dir": batch[0] / "data", "output_dir": tmp_path / "out", "ckpt_path": model}
    command = arguments(None, config_files(BUNDLE, "inference"), plain({"device": "cpu", **knobs}))
    code = start(BUNDLE, command, tmp_path / "log").wait(timeout=240)
    lines = [line for line in (tmp_path / "log.err").read_text().splitlines() if line.startswith("error: ")]
    assert code == 1
    assert len(lines) == 1
    assert f"{len(BAD)} of {len(BAD) + 2} cases" in lines[0]
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 2
