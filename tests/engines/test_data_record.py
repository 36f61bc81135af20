import json
import shutil
from pathlib import Path

import pytest
from torch.utils.data import Dataset

from segpeft.data import CaseDataset, CaseList
from segpeft.data.held_out import HeldOutVolumes
from segpeft.data.volume_crops import VolumeCrops
from segpeft.data.volume_paths import VolumePaths
from segpeft.data.volume_stream import VolumeStream
from segpeft.engines.data_record import data_record, first_difference
from tests.engines.tiny import loader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cases of one channel, in which nothing but the sizes counts."""
    place = tmp_path / "set"
    for kind, size in (("imagesTr", 10), ("labelsTr", 3)):
        (place / kind).mkdir(parents=True)
        for index in range(3):
            (place / kind / f"c{index}.nii.gz").write_bytes(b"x" * (size + index))
    write_list(place, 3)
    return place


def write_list(place: Path, cases: int) -> None:
    listed = [{"image": f"imagesTr/c{index}.nii.gz", "label": f"labelsTr/c{index}.nii.gz"} for index in range(cases)]
    (place / "dataset.json").write_text(json.dumps({"training": listed}))


def dataset(place: Path) -> Dataset:
    return CaseDataset(CaseList(place, channels=["a"]), dict)


def record(place: Path) -> dict:
    return data_record({"training": dataset(place)})


def test_cases_have_absolute_paths_and_sizes(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    found = record(Path("set"))["training"]
    assert [entry["case"] for entry in found] == ["c0", "c1", "c2"]
    image, label = (str(folder / kind / "c1.nii.gz") for kind in ("imagesTr", "labelsTr"))
    assert found[1] == {"case": "c1", "image": image, "label": label, "bytes": [11, 4]}


def test_a_folder_that_was_moved_has_the_same_digest(folder):
    before = record(folder)
    after = record(shutil.move(folder, folder.parent / "elsewhere"))
    assert after["training"] != before["training"]
    assert after["sha256"] == before["sha256"]


def fewer(place: Path) -> None:
    write_list(place, 2)


def more(place: Path) -> None:
    for kind in ("imagesTr", "labelsTr"):
        shutil.copy(place / kind / "c0.nii.gz", place / kind / "c3.nii.gz")
    write_list(place, 4)


def longer(place: Path) -> None:
    (place / "labelsTr" / "c1.nii.gz").write_bytes(b"x" * 5)


def absent(place: Path) -> None:
    (place / "imagesTr" / "c2.nii.gz").unlink()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (fewer, "case c2 is missing in section training"),
        (more, "case c3 is new in section training"),
        (longer, "the files of case c1 have other names or sizes in section training"),
        (absent, "case c2 is missing in section training"),
    ],
)
def test_a_change_is_seen_and_named(change, expected, folder):
    before = record(folder)
    change(folder)
    after = record(folder)
    assert after["sha256"] != before["sha256"]
    assert first_difference(before, after) == expected


def test_another_order_is_a_difference(folder):
    ours, theirs = dataset(folder), dataset(folder)
    theirs.data = list(reversed(theirs.data))
    one, other = (data_record({"training": data}) for data in (ours, theirs))
    assert one["sha256"] != other["sha256"]
    assert first_difference(one, other) == "the cases have another order"


def test_a_case_that_lacks_a_file_says_so(folder):
    absent(folder)
    assert "c2.nii.gz: no such file" in record(folder)["training"][2]["problem"]


def test_files_a_channel_with_an_absent_one(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"1234")
    series = tmp_path / "b"
    series.mkdir()
    for index in range(3):
        (series / f"{index}.dcm").write_bytes(b"12345")
    images = [str(tmp_path / "a.nii.gz"), "", str(series)]
    (entry,) = data_record({"inference": CaseDataset([{"image": images}], dict)})["inference"]
    assert entry == {"case": "a", "image": images, "label": None, "bytes": [4, None, 15]}


def test_data_without_files_are_counted():
    entries = data_record({"training": loader(2).dataset, "validation": None})
    assert [entry["image"] for entry in entries["training"]] == [None, None]
    assert entries["validation"] == []


def test_a_stream_names_its_list_and_its_held_out_files(tmp_path):
    for index in range(4):
        (tmp_path / f"v{index}.nii.gz").write_bytes(b"1" * index)
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"v{index}.nii.gz\n" for index in range(4)))
    crops = VolumeCrops(image_size=(8, 8, 8))
    held_out = HeldOutVolumes(VolumePaths(listed), crops, share=1.0, count=2)
    held_out.prepare()
    data = {"training": VolumeStream(VolumePaths(listed), crops, 1, 1), "validation": held_out}
    found = data_record(data)
    assert found["training"] == [
        {"case": "list.txt", "image": str(listed), "label": None, "bytes": [listed.stat().st_size]}
    ]
    assert len(found["validation"]) == 2
    assert all(entry["image"] == str(tmp_path / entry["case"]) for entry in found["validation"])
    (folder,) = data_record({"training": VolumeStream(VolumePaths(tmp_path), crops, 1, 1)})["training"]
    assert folder == {"case": tmp_path.name, "image": None, "label": None, "bytes": []}
