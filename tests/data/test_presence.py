import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from segpeft.data import CaseList, CaseLoader, PreparedDataset, RandBalancedCropd, preprocessing
from segpeft.data.presence import PRESENT, KeepChannelsd
from segpeft.errors import InputError, find_input_error

from .conftest import CHANNELS, brain_image, brain_label, write


def refused(transform, item) -> str:
    """What a transform says of an item; MONAI wraps the error of a transform inside a `Compose`."""
    with pytest.raises(RuntimeError) as caught:
        transform(item)
    return str(find_input_error(caught.value))


ENDINGS = ("flair", "t1", "t1ce", "t2")


@pytest.fixture
def folders(tmp_path: Path):
    """A function that writes a BraTS case folder without some of its files."""

    def make(case: str = "A", without: tuple[str, ...] = (), label: bool = True) -> Path:
        image = brain_image(background=-5.0)
        for index, ending in enumerate(ENDINGS):
            if ending not in without:
                write(tmp_path / "data" / case / f"{case}_{ending}.nii.gz", image[..., index])
        if label:
            write(tmp_path / "data" / case / f"{case}_seg.nii.gz", brain_label())
        return tmp_path / "data"

    return make


@pytest.mark.parametrize(
    ("without", "present"),
    [((), [1, 1, 1, 1]), (("t1ce",), [1, 1, 0, 1]), (("flair", "t1", "t2"), [0, 0, 1, 0])],
    ids=["none", "T1gd", "all but T1gd"],
)
def test_a_case_without_a_file_has_zeros_and_present(folders, caplog, without, present):
    item = CaseList(folders(without=without), labelled=False, allow_missing=True)[0]
    with caplog.at_level(logging.WARNING):
        case = preprocessing("image", CHANNELS, allow_missing=True)(item)
    whole = preprocessing("image")(CaseList(folders("B"), labelled=False)[1])
    assert case[PRESENT].tolist() == present
    for channel, there in enumerate(present):
        expected = whole["image"][channel] if there else torch.zeros(whole["image"].shape[1:])
        assert torch.equal(case["image"][channel].as_tensor(), torch.as_tensor(expected))
    lines = [record.getMessage() for record in caplog.records]
    absent = ", ".join(name for name, there in zip(CHANNELS, present, strict=True) if not there)
    assert lines == ([f"case A: has no {absent}: goes on without it (knob allow_missing)"] if absent else [])


def test_without_the_knob_a_missing_file_is_an_error(folders):
    with pytest.raises(InputError, match="A_t1ce.nii.gz; expected the channels FLAIR"):
        CaseList(folders(without=("t1ce",)))[0]


def test_a_case_without_any_channel_is_an_error(folders):
    with pytest.raises(InputError, match="A_flair"):
        CaseList(folders(without=ENDINGS), allow_missing=True)[0]


def test_two_files_for_one_channel_stay_an_error(tmp_path):
    for name in ("T2_a.nii.gz", "T2_b.nii.gz"):
        write(tmp_path / "case" / name, brain_image()[..., 0])
    with pytest.raises(InputError, match="2 volumes for T2"):
        CaseList(tmp_path, channels=("T2", "ADC"), labelled=False, allow_missing=True)[0]


def test_a_missing_label_stays_an_error(folders):
    with pytest.raises(InputError, match="has no label"):
        CaseList(folders(without=("t1",), label=False), allow_missing=True)[0]


@pytest.mark.parametrize("constant", [0.0, -5.0])
def test_a_constant_channel_of_a_4d_file_is_absent(tmp_path, caplog, constant):
    image = brain_image(background=-5.0)
    image[..., 2] = constant
    item = {"case": "A", "image": write(tmp_path / "a.nii.gz", image)}
    with caplog.at_level(logging.WARNING):
        case = preprocessing("image", CHANNELS, allow_missing=True)(item)
    assert case[PRESENT].tolist() == [1, 1, 0, 1]
    assert not case["image"][2].any()
    assert len(caplog.records) == 1
    assert "channel 2 is" in refused(preprocessing("image", CHANNELS), item)


def test_all_channels_constant_is_an_error(tmp_path):
    item = {"case": "A", "image": write(tmp_path / "a.nii.gz", np.zeros((6, 6, 6, 4), np.float32))}
    assert "channel 0 is all zero" in refused(preprocessing("image", CHANNELS, allow_missing=True), item)


def test_channels_not_used_are_as_if_they_had_no_file(folders):
    root = folders("A")
    folders("B", without=("flair", "t1ce"))
    cases = CaseList(root, labelled=False, allow_missing=True)
    used = preprocessing("image", CHANNELS, channels_used=("T2w", "T1w"))(cases[0])
    absent = preprocessing("image", CHANNELS, allow_missing=True)(cases[1])
    assert used[PRESENT].tolist() == absent[PRESENT].tolist() == [0, 1, 0, 1]
    assert torch.equal(used["image"].as_tensor(), absent["image"].as_tensor())


def test_only_channels_that_are_used_and_there_count(folders):
    item = CaseList(folders(without=("t1ce",)), labelled=False, allow_missing=True)[0]
    both = {"allow_missing": True, "channels_used": ("T1gd", "T2w")}
    assert preprocessing("image", CHANNELS, **both)(item)[PRESENT].tolist() == [0, 0, 0, 1]
    none = preprocessing("image", CHANNELS, allow_missing=True, channels_used=("T1gd",))
    assert "has none of the channels T1gd" in refused(none, item)


@pytest.mark.parametrize("used", [(), ("T1gd", "PET")], ids=["none", "unknown"])
def test_unknown_channels_are_refused(used):
    with pytest.raises(InputError, match="channels_used is .*expected at least one of FLAIR"):
        KeepChannelsd("image", CHANNELS, used)


def test_channels_of_one_name_are_refused():
    with pytest.raises(InputError, match="each name once"):
        preprocessing("image", ("T2w", "T2w"))


def prepared(root: Path, cache: Path, channels_used=None) -> PreparedDataset:
    steps = preprocessing(("image", "label"), CHANNELS, "msd", allow_missing=True, channels_used=channels_used)
    cases = CaseList(root, allow_missing=True)
    dataset = PreparedDataset(cases, [steps, RandBalancedCropd(["image", "label"], 4, 2)], cache, progress=False)
    dataset.prepare(0)
    return dataset


def test_present_outlives_the_cache_and_reaches_the_batch(folders, tmp_path):
    root = folders("A", without=("t1ce",))
    folders("B")
    batches = list(CaseLoader(prepared(root, tmp_path / "cache")))
    assert [batch[PRESENT].tolist() for batch in batches] == [[[1, 1, 0, 1]] * 2, [[1, 1, 1, 1]] * 2]
    assert not batches[0]["image"][:, 2].any()


def test_the_cache_follows_files_and_knobs(folders, tmp_path):
    root = folders("A", without=("t1ce",))
    first = prepared(root, tmp_path / "cache")
    folders("A")  # the missing file has come
    assert next(iter(CaseLoader(prepared(root, tmp_path / "cache"))))[PRESENT].tolist() == [[1, 1, 1, 1]] * 2
    other = prepared(root, tmp_path / "cache", ("T1gd",))
    assert other.folder != first.folder
    assert next(iter(CaseLoader(other)))[PRESENT].tolist() == [[0, 0, 1, 0]] * 2
