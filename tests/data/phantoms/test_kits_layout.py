"""Cases as KiTS19 is distributed: names, orientation, values, and that they are found again."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segpeft.data.case_list import CaseList
from segpeft.data.phantoms.__main__ import main
from segpeft.data.phantoms.abdomen import PHANTOM, abdomen_case
from segpeft.data.phantoms.brain import PHANTOM as BRAIN
from segpeft.errors import InputError
from tests.data.phantoms.written import write

SHAPE = (28, 24, 10)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labelled cases and, under the next number, one without a label."""
    folder = tmp_path_factory.mktemp("kits")
    write(folder, PHANTOM, layout="kits", shape=SHAPE)
    write(folder / "more", PHANTOM, layout="kits", shape=SHAPE, cases=1, start=2, labelled=False)
    (folder / "more" / "case_00002").rename(folder / "case_00002")
    return folder


def test_files_are_called_as_in_kits19(root: Path) -> None:
    names = {str(path.relative_to(root)) for path in root.rglob("case_*/*")}
    labelled = {f"case_0000{n}/{name}.nii.gz" for n in (0, 1) for name in ("imaging", "segmentation")}
    assert names == labelled | {"case_00002/imaging.nii.gz"}
    assert json.loads((root / "kits.json").read_text())["cases"] == ["case_00000", "case_00001"]


def test_slices_come_first_and_every_voxel_keeps_its_place(root: Path) -> None:
    case = abdomen_case(SHAPE, 0, 0)
    image, label = (nib.load(root / "case_00000" / f"{name}.nii.gz") for name in ("imaging", "segmentation"))
    assert image.get_data_dtype() == np.int16
    assert image.shape == label.shape == (10, 24, 28)
    assert nib.aff2axcodes(image.affine) == nib.aff2axcodes(label.affine) == ("I", "P", "L")
    back = nib.as_closest_canonical(image)
    assert np.allclose(back.affine, case.affine, atol=1e-4)
    assert np.array_equal(np.asanyarray(back.dataobj), case.image[0])
    assert np.array_equal(np.asanyarray(nib.as_closest_canonical(label).dataobj), case.label)


def test_cases_are_found_and_those_without_a_label_are_for_testing(root: Path) -> None:
    names = {
        section: [item["case"] for item in CaseList(root, section, channels=["CT"], labelled=False, folds=2)]
        for section in ("all", "test", "training", "validation")
    }
    assert names["all"] == ["case_00000", "case_00001", "case_00002"]
    assert names["test"] == ["case_00002"]
    assert sorted(names["training"] + names["validation"]) == ["case_00000", "case_00001"]
    item = CaseList(root, channels=["CT"])[1]
    assert item["image"] == str(root / "case_00001" / "imaging.nii.gz")
    assert item["label"] == str(root / "case_00001" / "segmentation.nii.gz")


def test_a_case_whose_image_was_not_downloaded_says_so(tmp_path: Path) -> None:
    (tmp_path / "case_00007").mkdir()
    (tmp_path / "case_00007" / "segmentation.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"case_00007: has no imaging\.nii\.gz; expected the channels CT"):
        CaseList(tmp_path, channels=["CT"])[0]


def test_other_channels_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"channels names .*T1gd.*; KiTS19 folders have one"):
        len(CaseList(root))
    with pytest.raises(InputError, match="layout kits: holds one channel; brain has FLAIR, T1w"):
        write(tmp_path, BRAIN, layout="kits")


def test_it_is_the_layout_of_the_abdomen_unless_another_is_asked_for(tmp_path: Path) -> None:
    arguments = ["abdomen", "--cases", "1", "--shape", *map(str, SHAPE), "--out"]
    assert main([*arguments, str(tmp_path / "kits")]) == 0
    assert (tmp_path / "kits" / "case_00000" / "imaging.nii.gz").exists()
    assert main([*arguments, str(tmp_path / "msd"), "--layout", "msd"]) == 0
    listed = json.loads((tmp_path / "msd" / "dataset.json").read_text())
    assert (listed["modality"], listed["tensorImageSize"]) == ({"0": "CT"}, "3D")
    assert nib.load(tmp_path / "msd" / "imagesTr" / "abdomen_001.nii.gz").shape == SHAPE
    assert len(CaseList(tmp_path / "msd", channels=["CT"])) == 1
