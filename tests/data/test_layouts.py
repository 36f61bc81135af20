"""Case folders with one volume a channel, NIfTI or DICOM, under names that begin like the channel."""

import json
from pathlib import Path

import pytest

from segpeft.data.case_list import CaseList
from segpeft.data.datalist import main
from segpeft.data.prepared_case import source_stamps
from segpeft.errors import InputError

CHANNELS = ["T2", "ADC"]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def listed(root: Path, **options) -> list[dict]:
    return [*CaseList(root, channels=CHANNELS, **{"labelled": False, **options})]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["T2.nii.gz", "ADC.nii.gz"], ("T2.nii.gz", "ADC.nii.gz")),
        (["t2_tse_tra.nii", "Adc-b800.nii.gz"], ("t2_tse_tra.nii", "Adc-b800.nii.gz")),
        (["T2w.nii.gz", "ADC.nii.gz"], ("T2w.nii.gz", "ADC.nii.gz")),
        (["T2.nii.gz", "T2_cor.nii.gz", "ADC.nii.gz"], ("T2.nii.gz", "ADC.nii.gz")),
        (["T2/1.dcm", "T2/2.dcm", "ADC/1.dcm"], ("T2", "ADC")),
        (["T2_tra/IM0001", "ADC/I.IMA"], ("T2_tra", "ADC")),
        (["T2/MR.1.2.840.113619.2.55.3", "ADC/1.2.840.5"], ("T2", "ADC")),
        (["T2.nii.gz", "ADC/1.dcm"], ("T2.nii.gz", "ADC")),
        (
            ["T2_tra.nii.gz", "T2_ROI.nii.gz", "adc_1.nii.gz", "adc_tumor_reader1.nii.gz"],
            ("T2_tra.nii.gz", "adc_1.nii.gz"),
        ),
        (["T2_unmasked.nii.gz", "T2mask.nii.gz", "ADC.nii.gz"], ("T2_unmasked.nii.gz", "ADC.nii.gz")),
    ],
    ids=[
        "named so",
        "begin so",
        "T2w",
        "exact first",
        "DICOM",
        "no ending",
        "UIDs",
        "both kinds",
        "drawn on",
        "drawn on, joined",
    ],
)
def test_volumes_are_found_by_their_names(files, expected, tmp_path):
    touch(tmp_path / "P1", *files, "label.nii.gz")
    (item,) = listed(tmp_path, labelled=True)
    assert item["case"] == "P1"
    assert item["image"] == [str(tmp_path / "P1" / name) for name in expected]
    assert item["label"] == str(tmp_path / "P1" / "label.nii.gz")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["T2.nii.gz", "label.nii.gz"], ("P1: has no ADC", "ADC.nii.gz or a DICOM folder ADC", "channels T2, ADC")),
        (["ADC/1.dcm"], ("P1: has no T2",)),
        (["T2.nii.gz", "ADC_1.nii.gz", "ADC_2/1.dcm"], ("P1: has 2 volumes for ADC (ADC_1.nii.gz, ADC_2)",)),
        (["T2.nii.gz", "ADC/notes.txt"], ("P1: has no ADC",)),
        (["t2.nii.gz", "adc_tumor_reader1.nii.gz"], ("P1: has no ADC",)),
        (["t2_seg.nii.gz", "adc.nii.gz"], ("P1: has no T2",)),
    ],
    ids=["no ADC", "no T2", "two ADC", "a folder without DICOM", "only drawn on ADC", "only drawn on T2"],
)
def test_a_case_that_lacks_a_volume_says_so_and_the_others_are_there(files, words, tmp_path):
    touch(tmp_path / "P1", *files)
    touch(tmp_path / "P2", "T2.nii.gz", "ADC.nii.gz")
    cases = CaseList(tmp_path, channels=CHANNELS, labelled=False)
    assert cases[1]["case"] == "P2"
    with pytest.raises(InputError) as caught:
        cases[0]
    assert not [word for word in words if word not in str(caught.value)], caught.value


def test_a_label_that_is_named_like_a_channel_is_none(tmp_path):
    touch(tmp_path / "P1", "T2_zones.nii.gz", "T2_tra.nii.gz", "ADC.nii.gz")
    (item,) = listed(tmp_path, label_file="T2_zones.nii.gz", labelled=True)
    assert [Path(path).name for path in item["image"]] == ["T2_tra.nii.gz", "ADC.nii.gz"]
    assert Path(item["label"]).name == "T2_zones.nii.gz"


def test_a_channel_does_not_take_the_volume_of_a_longer_name(tmp_path):
    touch(tmp_path / "P1", "T1gd.nii.gz", "T1gd_2.nii.gz")
    touch(tmp_path / "P2", "T1_mprage.nii.gz", "T1gd.nii.gz")
    cases = CaseList(tmp_path, channels=["T1", "T1gd"], labelled=False)
    with pytest.raises(InputError, match=r"P1: has no T1 \("):
        cases[0]
    assert [Path(path).name for path in cases[1]["image"]] == ["T1_mprage.nii.gz", "T1gd.nii.gz"]


def test_other_names_are_a_knob(tmp_path):
    touch(tmp_path / "P1", "axial/1.dcm", "diffusion.nii.gz", "zones.nii.gz")
    names = {"T2": "axial", "ADC": "diffusion.nii.gz"}
    (item,) = listed(tmp_path, channel_files=names, label_file="zones.nii.gz", labelled=True)
    assert item["image"] == [str(tmp_path / "P1" / name) for name in names.values()]
    assert item["label"].endswith("zones.nii.gz")


def test_files_of_another_organ_that_end_like_brats_ones_are_no_brats(tmp_path):
    touch(tmp_path / "P1", "P1_t2.nii.gz", "P1_adc.nii.gz", "P1_seg.nii.gz")
    names = {"T2": "P1_t2.nii.gz", "ADC": "P1_adc.nii.gz"}
    assert len(listed(tmp_path, channel_files=names)) == 1
    with pytest.raises(InputError, match="no cases found"):
        listed(tmp_path)


def test_a_split_of_series_can_be_written_and_read(tmp_path):
    for index in range(4):
        touch(tmp_path / "data" / f"P{index}", "T2/1.dcm", "ADC/1.dcm", "label.nii.gz")
    out = tmp_path / "data" / "list.json"
    options = ["--folds", "2", "--channels", *CHANNELS]
    main(["--dataset_dir", str(tmp_path / "data"), "--out", str(out), *options])
    assert json.loads(out.read_text())["training"][0]["image"] == ["P0/T2", "P0/ADC"]
    assert listed(out, labelled=True) == listed(tmp_path / "data", labelled=True)


def test_a_split_takes_names_of_the_data_s_own(tmp_path, capsys):
    for index in range(2):
        touch(tmp_path / f"P{index}", "axial/1.dcm", "diffusion.nii.gz", *["zones.nii.gz"] * index)
    files = '{"T2": "axial", "ADC": "diffusion.nii.gz"}'
    options = [
        "--folds",
        "2",
        "--channels",
        *CHANNELS,
        "--label_file",
        "zones.nii.gz",
        "--out",
        str(tmp_path / "l.json"),
    ]
    main(["--dataset_dir", str(tmp_path), *options, "--channel_files", files])
    assert [item["case"] for item in listed(tmp_path / "l.json")] == ["P0", "P1"]
    assert "2 cases in 2 folds (seed 0), 1 without label" in capsys.readouterr().out
    for wrong in ("T2=axial", '["axial"]', '{"T2": 1}'):
        with pytest.raises(InputError, match="--channel_files is .*; expected a JSON object"):
            main(["--dataset_dir", str(tmp_path), *options, "--channel_files", wrong])


def test_a_split_does_not_choose_between_two_volumes(tmp_path):
    for index in range(3):
        touch(tmp_path / f"P{index}", "T2.nii.gz", "ADC_1.nii.gz", *["ADC_2.nii.gz"] * (index > 0))
    out = tmp_path / "list.json"
    with pytest.raises(InputError, match=r"P1: has 2 volumes for ADC \(ADC_1\S+, ADC_2\S+\); .* \(2 such cases\)$"):
        main(["--dataset_dir", str(tmp_path), "--folds", "2", "--channels", *CHANNELS, "--out", str(out)])
    assert not out.exists()


def test_the_names_of_task05_are_known(tmp_path):
    touch(tmp_path, "imagesTr/p.nii.gz", "labelsTr/p.nii.gz")
    entry = {"image": "./imagesTr/p.nii.gz", "label": "./labelsTr/p.nii.gz"}
    for modality in ({"0": "T2", "1": "ADC"}, {"0": "ADC", "1": "T2"}):
        (tmp_path / "dataset.json").write_text(json.dumps({"modality": modality, "training": [entry]}))
        if modality["0"] == "T2":
            assert len(listed(tmp_path)) == 1
        else:
            with pytest.raises(InputError, match="lists the channels ADC, T2; expected T2, ADC"):
                listed(tmp_path)


def test_a_changed_slice_of_a_series_makes_a_prepared_case_stale(tmp_path):
    touch(tmp_path, "T2/1.dcm", "T2/2.dcm", "ADC.nii.gz")
    item = {"image": [str(tmp_path / "T2"), str(tmp_path / "ADC.nii.gz")]}
    before = source_stamps(item)
    assert len(before) == 3
    (tmp_path / "T2" / "2.dcm").write_bytes(b"changed")
    assert source_stamps(item) != before


def test_only_files_of_image_and_label_are_stamped(tmp_path, monkeypatch):
    """An absent channel is no file, least of all those of the folder that the run was started in."""
    touch(tmp_path, "T2.nii.gz", "label.nii.gz", "P1")
    monkeypatch.chdir(tmp_path)
    item = {"case": "P1", "image": [str(tmp_path / "T2.nii.gz"), ""], "label": tmp_path / "label.nii.gz"}
    assert sorted(source_stamps(item)) == [str(tmp_path / "T2.nii.gz"), str(tmp_path / "label.nii.gz")]
