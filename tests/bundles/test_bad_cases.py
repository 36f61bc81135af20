"""Files that cannot be used: each is named in one line, and the good cases of a batch still get done."""

from __future__ import annotations

import gzip
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.bundles.runs import INFERRING, Volume, refusal, run, save_volume

CHANNELS = ("FLAIR", "T1w", "T1gd", "T2w")


def missing_channel(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return save_volume(path, voxels[..., :3], affine)


def extra_channel(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return save_volume(path, np.concatenate([voxels, voxels[..., :1]], -1), affine)


def not_a_number(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    changed = voxels.astype(np.float32)
    changed[3, 4, 5, 1] = np.nan
    return save_volume(path, changed, affine)


def infinite(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    changed = voxels.astype(np.float32)
    changed[3, 4, 5, 2] = np.inf
    return save_volume(path, changed, affine)


def all_zero(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return save_volume(path, np.zeros_like(voxels), affine)


def one_zero_channel(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    changed = voxels.copy()
    changed[..., 3] = 0
    return save_volume(path, changed, affine)


def truncated(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    save_volume(path, voxels, affine)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def not_gzipped(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    save_volume(path, voxels, affine)
    path.write_bytes(gzip.decompress(path.read_bytes())[:100])
    return path


def empty_file(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    path.touch()
    return path


def missing_file(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return path


def four_files(path: Path, voxels: np.ndarray, affine: np.ndarray, change: Callable[..., Volume]) -> list[Path]:
    """One file a channel, of which the third is changed."""
    files = []
    for index, name in enumerate(CHANNELS):
        volume = change(voxels[..., index], affine) if index == 2 else (voxels[..., index], affine)
        files.append(save_volume(path.parent / f"{path.name.split('.')[0]}_{name}.nii.gz", *volume))
    return files


def another_shape(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return four_files(path, voxels, affine, lambda volume, place: (volume[:-2], place))


def another_affine(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return four_files(path, voxels, affine, lambda volume, place: (volume, place + np.diag([0.5, 0, 0, 0])))


def three_files(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return four_files(path, voxels, affine, lambda volume, place: (volume, place))[:3]


def four_files_of_four(path: Path, voxels: np.ndarray, affine: np.ndarray) -> object:
    return four_files(path, voxels, affine, lambda volume, place: (np.stack([volume] * 4, -1), place))


BAD = {  # what the line must say besides the file
    missing_channel: ("3 channels", "expected 4"),
    extra_channel: ("5 channels", "expected 4"),
    not_a_number: ("NaN", "channel 1", "expected finite"),
    infinite: ("infinite", "channel 2", "expected finite"),
    all_zero: ("all zero", "expected an image"),
    one_zero_channel: ("channel 3", "all zero"),
    truncated: ("cannot be read", "expected an intact NIfTI"),
    not_gzipped: ("cannot be read", "expected an intact NIfTI"),
    empty_file: ("cannot be read", "expected an intact NIfTI"),
    missing_file: ("no such file",),
    another_shape: ("T1gd", "(30, 32, 24)", "expected (32, 32, 24)"),
    another_affine: ("T1gd", "affine", "expected 7.5"),
    three_files: ("3 channels", "expected 4"),
    four_files_of_four: ("T1gd", "4 channels", "expected 1"),
}


@pytest.fixture(scope="module")
def source(phantoms) -> Volume:
    image = nibabel.load(phantoms / "imagesTr" / "BRATS_001.nii.gz")
    return np.asarray(image.dataobj), image.affine


def entry(path: object) -> object:
    return [str(file) for file in path] if isinstance(path, list) else str(path)


@pytest.fixture(scope="module")
def batch(source, trained, tmp_path_factory):
    """All bad cases and three good ones in one inference: the folder, the log, and the message that it ended in."""
    folder, log = tmp_path_factory.mktemp("batch"), io.StringIO()
    listed = [{"case": "good1", "image": entry(save_volume(folder / "good1.nii.gz", *source))}]
    for make in BAD:
        listed.append({"case": make.__name__, "image": entry(make(folder / f"{make.__name__}.nii.gz", *source))})
    noisy = four_files(folder / "noisy.nii.gz", *source, lambda volume, place: (volume, place * (1 + 1e-6)))
    listed.append({"case": "good2", "image": entry(noisy)})
    listed.append({"case": "good3", "image": entry(save_volume(folder / "good3.nii.gz", *source))})
    (folder / "list.json").write_text(json.dumps({"testing": listed}))
    knobs = {"dataset_dir": folder / "list.json", "output_dir": folder / "out"}
    knobs["ckpt_path"] = trained / "models" / "model.pt"
    handler = logging.StreamHandler(log)
    logging.getLogger("segpeft").addHandler(handler)
    message = refusal(run, "brats_lora", "inference", **knobs, **INFERRING)
    logging.getLogger("segpeft").removeHandler(handler)
    return folder, log.getvalue().splitlines(), message


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_bad_case_is_named_with_what_is_wrong(make, batch):
    folder, log, message = batch
    lines = [line for line in log if line.startswith(f"error: {folder / make.__name__}")]
    assert len(lines) == 1, log
    assert not [word for word in BAD[make] if word not in lines[0]], lines[0]
    assert lines[0].removeprefix("error: ") in message


def test_the_message_counts_the_bad_cases(batch):
    assert f"{len(BAD)} of {len(BAD) + 3} cases" in batch[2]


def test_the_good_cases_are_done_and_nothing_is_half_written(batch):
    folder, _, _ = batch
    assert sorted(path.name for path in (folder / "out").glob("*.nii.gz")) == [f"good{i}_seg.nii.gz" for i in (1, 2, 3)]
    maps = [np.asarray(nibabel.load(path).dataobj) for path in sorted((folder / "out").glob("*.nii.gz"))]
    np.testing.assert_array_equal(maps[0], maps[1])  # float noise in an affine changes nothing
    np.testing.assert_array_equal(maps[0], maps[2])


def test_a_missing_file_of_a_case_folder(source, trained, tmp_path):
    voxels, affine = source
    for case in ("A", "B"):
        for index, ending in enumerate(("flair", "t1", "t1ce", "t2")):
            if (case, ending) != ("A", "t1ce"):
                save_volume(tmp_path / "data" / case / f"{case}_{ending}.nii.gz", voxels[..., index], affine)
    knobs = {"dataset_dir": tmp_path / "data", "output_dir": tmp_path / "out"}
    message = refusal(run, "brats_lora", "inference", ckpt_path=trained / "models" / "model.pt", **knobs, **INFERRING)
    assert "A_t1ce.nii.gz" in message
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["B_seg.nii.gz"]
