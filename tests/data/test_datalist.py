import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from segpeft.data.case_list import CaseList, cases_of
from segpeft.data.datalist import main
from segpeft.errors import InputError

BRATS = {"2018": ("_flair", "_t1", "_t1ce", "_t2", "_seg"), "2023": ("-t2f", "-t1n", "-t1c", "-t2w", "-seg")}
NAMED = {"FLAIR": "FLAIR.nii.gz", "T1w": "T1.nii.gz", "T1gd": "T1POST.nii.gz", "T2w": "T2.nii.gz"}


def brats_folder(root: Path, year: str = "2018", inside: str = "", ending: str = ".nii.gz", cases: int = 5) -> Path:
    for index in range(cases):
        name = f"Case_{index}"
        folder = root / inside / name
        folder.mkdir(parents=True)
        for suffix in BRATS[year]:
            (folder / f"{name}{suffix}{ending}").touch()
            (folder / f"._{name}{suffix}{ending}").touch()
    return root


def names(item: dict) -> list[str]:
    return [Path(path).name for path in item["image"]]


def test_msd_sections_partition_the_training_list(msd_folder):
    training, validation = (CaseList(msd_folder, section, fold=1, folds=3) for section in ("training", "validation"))
    cases = [item["case"] for item in training], [item["case"] for item in validation]
    assert [len(part) for part in cases] == [4, 2]
    assert sorted(cases[0] + cases[1]) == [item["case"] for item in CaseList(msd_folder, "all")]
    assert validation[0]["image"].endswith(f"imagesTr/{cases[1][0]}.nii.gz")
    assert validation[0]["label"].endswith(f"labelsTr/{cases[1][0]}.nii.gz")


def test_msd_test_section_and_unlabelled_all(msd_folder):
    assert [item["case"] for item in CaseList(msd_folder, "test", labelled=False)] == ["BRATS_100"]
    assert len(CaseList(msd_folder, "all", labelled=False)) == 7
    assert "label" not in CaseList(msd_folder, "all", labelled=False)[0]


def test_every_case_validates_once(msd_folder):
    cases = [item["case"] for fold in range(3) for item in CaseList(msd_folder, "validation", fold=fold, folds=3)]
    assert sorted(cases) == [f"BRATS_{index:03d}" for index in range(6)]


@pytest.mark.parametrize(
    ("year", "inside", "ending"),
    [
        pytest.param("2018", "", ".nii.gz", id="2018"),
        pytest.param("2018", "HGG", ".nii.gz", id="2018 nested in HGG"),
        pytest.param("2018", "", ".nii", id="2018 uncompressed"),
        pytest.param("2023", "", ".nii.gz", id="2023"),
    ],
)
def test_brats_folders_come_in_channel_order(tmp_path, year, inside, ending):
    items = CaseList(brats_folder(tmp_path, year, inside, ending), "all")
    assert len(items) == 5
    assert names(items[2]) == [f"Case_2{suffix}{ending}" for suffix in BRATS[year][:4]]
    assert Path(items[2]["label"]).name == f"Case_2{BRATS[year][4]}{ending}"


def test_channels_choose_and_order_the_files(tmp_path):
    items = CaseList(brats_folder(tmp_path), "all", channels=("T1gd", "FLAIR"))
    assert names(items[0]) == ["Case_0_t1ce.nii.gz", "Case_0_flair.nii.gz"]


def test_case_folders_with_names_of_their_own(tmp_path):
    for patient in ("p1", "p2"):
        (tmp_path / patient).mkdir()
        for name in (*NAMED.values(), "GOLD.nii.gz"):
            (tmp_path / patient / name).touch()
    items = CaseList(tmp_path, "all", channel_files=NAMED, label_file="GOLD.nii.gz")
    assert [item["case"] for item in items] == ["p1", "p2"]
    assert names(items[0]) == list(NAMED.values())
    assert items[1]["label"] == str(tmp_path / "p2" / "GOLD.nii.gz")


def test_a_plain_folder_is_unlabelled(tmp_path):
    for name in ("b.nii.gz", "a.nii", "._a.nii", "notes.txt"):
        (tmp_path / name).touch()
    items = CaseList(tmp_path, "all", labelled=False)
    assert [item["case"] for item in items] == ["a", "b"]
    with pytest.raises(InputError, match="case a: has no label"):
        CaseList(tmp_path, "all")[0]


def test_datalist_file_with_folds(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.nii.gz").touch()
    entries = [{"image": f"{name}.nii.gz", "fold": fold} for fold, name in enumerate("abc")]
    (tmp_path / "list.json").write_text(json.dumps({"training": entries}))
    validation = CaseList(tmp_path / "list.json", "validation", fold=1, folds=3, labelled=False)
    assert [item["case"] for item in validation] == ["b"]


def test_a_validation_list_needs_no_folds(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.nii.gz").touch()
    content = {"training": ["a.nii.gz", "b.nii.gz"], "validation": ["c.nii.gz"]}
    (tmp_path / "list.json").write_text(json.dumps(content))
    sections = [
        [item["case"] for item in CaseList(tmp_path / "list.json", section, labelled=False)]
        for section in ("training", "validation")
    ]
    assert sections == [["a", "b"], ["c"]]


def test_construction_touches_no_disk():
    items = CaseList("/no/such/folder", "training")
    with pytest.raises(InputError, match="/no/such/folder: no such folder"):
        len(items)


def test_a_missing_modality_spoils_only_its_case(tmp_path):
    root = brats_folder(tmp_path)
    (root / "Case_1" / "Case_1_t1ce.nii.gz").unlink()
    items = CaseList(root, "all")
    assert len(items) == 5
    assert items[0]["case"] == "Case_0"
    with pytest.raises(InputError, match=r"Case_1: has no Case_1_t1ce\.nii\.gz; expected the channels FLAIR, T1w"):
        items[1]


def test_a_missing_label_names_what_was_expected(tmp_path):
    root = brats_folder(tmp_path)
    (root / "Case_3" / "Case_3_seg.nii.gz").unlink()
    with pytest.raises(InputError, match=r"case Case_3: has no label; expected Case_3_seg\.nii\.gz"):
        CaseList(root, "all")[3]


def test_a_listed_file_that_is_gone_is_named(msd_folder):
    (msd_folder / "imagesTr" / "BRATS_002.nii.gz").unlink()
    with pytest.raises(InputError, match=r"BRATS_002\.nii\.gz: no such file"):
        CaseList(msd_folder, "all")[2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "not a readable JSON", id="no json"),
        pytest.param("[]", "is a JSON list", id="list"),
        pytest.param("{}", "lists no cases", id="empty"),
        pytest.param('{"training": [{"label": "a"}]}', "expected a path or", id="no image"),
        pytest.param('{"training": ["a.nii", "b/a.nii"]}', "more than once", id="same id twice"),
        pytest.param('{"training": [{"image": "a.nii", "fold": "x"}]}', "whole number", id="fold is text"),
        pytest.param(
            '{"modality": {"0": "MRI"}, "training": ["a.nii"]}', "lists the channels MRI", id="too few channels"
        ),
        pytest.param(
            '{"modality": {"0": "T1w", "1": "FLAIR", "2": "t1gd", "3": "T2w"}, "training": ["a.nii"]}',
            "expected FLAIR, T1w, T1gd, T2w",
            id="other channel order",
        ),
    ],
)
def test_wrong_datalists_are_refused_in_one_line(tmp_path, content, said):
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        len(CaseList(tmp_path / "list.json", "all"))
    assert "list.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no cases found; expected dataset.json"):
        len(CaseList(tmp_path, "all"))


def test_no_test_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="no cases in section 'test'"):
        len(CaseList(brats_folder(tmp_path), "test"))


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"section": "train"}, id="section"),
        pytest.param({"section": "training", "fold": 5}, id="fold"),
        pytest.param({"section": "training", "folds": 1}, id="folds"),
        pytest.param({"channels": ()}, id="channels"),
    ],
)
def test_knobs_out_of_range_are_refused_at_once(knobs):
    with pytest.raises(InputError):
        CaseList("/no/such/folder", **knobs)


def test_command_writes_a_split_that_reads_back(msd_folder, tmp_path, capsys):
    out = msd_folder / "split.json"
    main(["--dataset_dir", str(msd_folder), "--folds", "3", "--seed", "7", "--out", str(out)])
    content = json.loads(out.read_text())
    assert content["training"][0]["image"] == "imagesTr/BRATS_000.nii.gz"
    assert {entry["fold"] for entry in content["training"]} == {0, 1, 2}
    assert "7 cases in 3 folds (seed 7), 1 without label" in capsys.readouterr().out
    for section in ("training", "validation"):
        direct = CaseList(msd_folder, section, fold=2, folds=3, seed=7)
        assert list(CaseList(out, section, fold=2, folds=3)) == list(direct)
    assert [item["case"] for item in CaseList(out, "test", labelled=False)] == ["BRATS_100"]


def test_command_ends_in_one_line_for_a_wrong_folder(tmp_path):
    command = [sys.executable, "-m", "segpeft.data.datalist", "--dataset_dir", str(tmp_path / "gone")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"error: {tmp_path}/gone: no such folder or datalist file (knob dataset_dir)"
    ]
    assert not (tmp_path / "datalist.json").exists()


def test_another_section_of_the_same_data_set(msd_folder):
    cases = CaseList(msd_folder, folds=3, fold=1, seed=4)
    for section in ("training", "validation", "all", "test"):
        asked = CaseList(msd_folder, section, folds=3, fold=1, seed=4, labelled=section != "test")
        assert [c.name for c in cases_of(cases, section).cases] == [c.name for c in asked.cases]
    with pytest.raises(InputError, match="section is 'train'"):
        cases_of(cases, "train")


def test_shares_of_the_training_cases_are_nested(msd_folder):
    shares = [
        {item["case"] for item in CaseList(msd_folder, "training", fold=1, folds=3, train_share=share)}
        for share in (0.1, 0.5, 0.75, 1.0)
    ]
    assert [len(share) for share in shares] == [1, 2, 3, 4]
    assert all(small < large for small, large in itertools.pairwise(shares))
    validation = CaseList(msd_folder, "validation", fold=1, folds=3, train_share=0.1)
    assert len(validation) == 2
    assert len(cases_of(validation, "training")) == 1


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_a_share_out_of_range(msd_folder, share):
    with pytest.raises(InputError, match=f"train_share is {share}"):
        CaseList(msd_folder, train_share=share)


def test_held_out_cases_are_test_cases_with_labels(msd_folder, tmp_path):
    out = tmp_path / "split.json"
    main(["--dataset_dir", str(msd_folder), "--folds", "2", "--hold_out", "2", "--out", str(out)])
    parts = [CaseList(out, section, folds=2) for section in ("training", "validation")]
    held = [entry["case"] for entry in json.loads(out.read_text())["testing"]]
    assert len(CaseList(out, "test")) == len([*CaseList(out, "test")])  # all labelled
    assert [len(part) for part in parts] == [2, 2]
    assert len(held) == 2
    assert not set(held) & {item["case"] for part in parts for item in part}
    with pytest.raises(InputError, match="hold_out is 6; expected 0 to 5"):
        main(["--dataset_dir", str(msd_folder), "--hold_out", "6", "--out", str(out)])
