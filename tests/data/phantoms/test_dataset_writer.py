"""What is written where, that the settings alone decide the bytes, and that an interrupted run is continued."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segpeft.data.phantoms.brain import PHANTOM, brain_case
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.settings import Settings
from segpeft.errors import InputError
from tests.data.phantoms.written import TINY, files_of, write


def test_layout_is_readable_and_complete(tmp_path: Path) -> None:
    write(tmp_path, start=4)
    listed = json.loads((tmp_path / "dataset.json").read_text())
    assert listed["training"] == [
        {"image": f"./imagesTr/BRATS_00{n}.nii.gz", "label": f"./labelsTr/BRATS_00{n}.nii.gz"} for n in (5, 6)
    ]
    assert (listed["numTraining"], listed["numTest"], listed["test"]) == (2, 0, [])
    assert listed["tensorImageSize"] == "4D"
    assert listed["modality"] == {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    assert listed["labels"] == {
        "0": "background",
        "1": "edema",
        "2": "non-enhancing tumor",
        "3": "enhancing tumour",
    }
    case = brain_case(TINY, 0, 4)
    image = nib.load(tmp_path / listed["training"][0]["image"])
    label = nib.load(tmp_path / listed["training"][0]["label"])
    assert image.get_data_dtype() == np.int16
    assert label.get_data_dtype() == np.uint8
    assert np.array_equal(np.asanyarray(image.dataobj), np.moveaxis(case.image, 0, -1))
    assert np.array_equal(np.asanyarray(label.dataobj), case.label)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(image.affine, case.affine)
    assert np.allclose(label.affine, case.affine)


def test_unlabelled_cases_are_images_listed_as_test(tmp_path: Path) -> None:
    unlabelled = write(tmp_path / "unlabelled", labelled=False)
    labelled = write(tmp_path / "labelled")
    assert sorted(unlabelled) == ["dataset.json", "imagesTs/BRATS_001.nii.gz", "imagesTs/BRATS_002.nii.gz"]
    listed = json.loads(unlabelled["dataset.json"])
    assert listed["test"] == ["./imagesTs/BRATS_001.nii.gz", "./imagesTs/BRATS_002.nii.gz"]
    assert (listed["training"], listed["numTraining"], listed["numTest"]) == ([], 0, 2)
    assert unlabelled["imagesTs/BRATS_001.nii.gz"] == labelled["imagesTr/BRATS_001.nii.gz"]


def test_bytes_depend_on_the_settings_alone(tmp_path: Path) -> None:
    first, again = write(tmp_path / "first"), write(tmp_path / "again")
    assert len(first) == 5
    assert first == again
    other = write(tmp_path / "other", seed=1)
    assert all(first[name] != other[name] for name in first)
    image_1, image_2 = (first[f"imagesTr/BRATS_00{n}.nii.gz"] for n in (1, 2))
    assert image_1 != image_2
    late = write(tmp_path / "late", cases=1, start=1)
    assert late["imagesTr/BRATS_002.nii.gz"] == image_2


@pytest.mark.slow  # each worker imports the package afresh
def test_workers_write_the_same_bytes(tmp_path: Path) -> None:
    written = list(write_dataset(PHANTOM, tmp_path / "two", Settings(cases=2, shape=TINY), workers=2))
    assert len(written) == 2
    assert files_of(tmp_path / "two") == write(tmp_path / "one")


def test_interrupted_run_is_continued_and_complete_one_left_alone(tmp_path: Path) -> None:
    complete = write(tmp_path / "whole")
    settings = Settings(cases=2, shape=TINY)
    run = write_dataset(PHANTOM, tmp_path / "cut", settings)
    assert next(run).name == "BRATS_001.nii.gz"
    run.close()
    assert "dataset.json" not in files_of(tmp_path / "cut")
    with pytest.raises(InputError, match="seed 0 instead of 1"):
        write(tmp_path / "cut", seed=1)
    assert [path.name for path in write_dataset(PHANTOM, tmp_path / "cut", settings)] == ["BRATS_002.nii.gz"]
    assert files_of(tmp_path / "cut") == complete
    assert list(write_dataset(PHANTOM, tmp_path / "cut", settings)) == []
    (tmp_path / "cut" / "labelsTr" / "BRATS_001.nii.gz").unlink()
    assert write(tmp_path / "cut") == complete


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dataset.json", "{}", "not written by a phantom"),
        ("dataset.json", "[", "not valid JSON"),
        ("notes.txt", "", "no dataset.json"),
    ],
    ids=["real-data", "broken", "other-files"],
)
def test_foreign_folder_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
