import json
import shutil

import numpy as np
import pytest

from segpeft.bundle.new.place import find_place
from segpeft.data.datalist import main as split
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.errors import InputError
from tests.bundle.new.sets import write_hippocampi, write_prostates
from tests.bundles.runs import save_volume

VOXELS = np.ones((4, 4, 4), dtype=np.float32)


def write_folders(root, *names, cases=3):
    for index in range(cases):
        for name in names:
            save_volume(root / f"p{index}" / name, VOXELS, np.eye(4))
    return root


def test_a_decathlon_folder(tmp_path):
    place = find_place(write_hippocampi(tmp_path, licence="CC-BY-SA 4.0"))
    assert place.channels == ("MRI",)
    assert place.labels == {1: "Anterior", 2: "Posterior"}
    assert (place.title, place.licence, len(place.labelled)) == ("Hippocampus", "CC-BY-SA 4.0", 6)


def test_a_split_of_it_says_the_same_and_hides_test_cases(tmp_path):
    out = tmp_path / "split.json"
    data = write_hippocampi(tmp_path / "data")
    split(["--dataset_dir", str(data), "--channels", "MRI", "--folds", "2", "--hold_out", "2", "--out", str(out)])
    place = find_place(out)
    assert place.labels == {1: "Anterior", 2: "Posterior"}
    assert (place.channels, len(place.cases), len(place.labelled)) == (("MRI",), 6, 4)


def test_labels_as_nnunet_lists_them(tmp_path):
    data = write_hippocampi(tmp_path, labels={"background": 0, "front": 1, "back": 2})
    assert find_place(data).labels == {1: "front", 2: "back"}


def test_case_folders_with_two_channels(tmp_path):
    place = find_place(write_prostates(tmp_path, 3))
    assert (place.layout, place.channels, len(place.labelled)) == ("case folders", ("ADC", "T2"), 3)


def test_folders_of_dicom_files(tmp_path):
    shape = ["--shape", "32", "32", "12"]
    assert write_phantoms(["prostate", "--cases", "2", *shape, "--dicom", "--out", str(tmp_path)]) == 0
    assert find_place(tmp_path).channels == ("ADC", "T2")


@pytest.mark.parametrize(
    ("label", "scheme"), [("segmentation.nii.gz", "kits19"), ("case_1_seg.nii.gz", "brats")], ids=["KiTS19", "BraTS"]
)
def test_layouts_of_challenges(tmp_path, label, scheme):
    folder = tmp_path / "case_1"
    names = ["imaging.nii.gz"] if scheme == "kits19" else [f"case_1_{c}.nii.gz" for c in ("flair", "t1", "t1ce", "t2")]
    for name in (*names, label):
        save_volume(folder / name, VOXELS, np.eye(4))
    assert find_place(tmp_path).labels == scheme


def test_the_label_has_another_name(tmp_path):
    place = find_place(write_folders(tmp_path, "T1.nii.gz", "lesion_mask.nii.gz"))
    assert (place.channels, place.label_file) == (("T1",), "lesion_mask.nii.gz")


def test_a_channel_that_a_case_lacks(tmp_path):
    root = write_folders(tmp_path, "T1.nii.gz", "T2.nii.gz", "label.nii.gz")
    (root / "p0" / "T2.nii.gz").unlink()
    place = find_place(root)
    assert place.channels == ("T1", "T2")
    assert [bool(case.problem) for case in place.cases] == [True, False, False]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["T1.nii.gz"], r"names do not tell channels and label \(T1.nii.gz\)"),
        (["T1.nii.gz", "mask.nii.gz", "seg.nii.gz"], "mask.nii.gz, seg.nii.gz may each be the label; .*--label_file"),
    ],
    ids=["no label", "two labels"],
)
def test_case_folders_that_are_not_clear(tmp_path, names, said):
    with pytest.raises(InputError, match=said):
        find_place(write_folders(tmp_path, *names))


def test_a_folder_of_volumes_has_no_labels(tmp_path):
    save_volume(tmp_path / "a.nii.gz", VOXELS, np.eye(4))
    with pytest.raises(InputError, match=r"volumes without labels \(a\); expected dataset.json, BraTS"):
        find_place(tmp_path)


def test_something_else_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"no volume in it nor two folders below \(notes.txt\)"):
        find_place(tmp_path)


def test_no_such_folder(tmp_path):
    with pytest.raises(InputError, match="no such folder or datalist file"):
        find_place(tmp_path / "absent")


def test_a_list_without_labels(tmp_path):
    data = write_hippocampi(tmp_path)
    content = json.loads((data / "dataset.json").read_text())
    content["training"] = [entry["image"] for entry in content["training"]]
    (data / "dataset.json").write_text(json.dumps(content))
    shutil.rmtree(data / "labelsTr")
    with pytest.raises(InputError, match="6 cases, none with a label"):
        find_place(data)
