from pathlib import Path

import pytest
import torch

from segpeft.data.case_list import CaseList
from segpeft.data.cases import CaseDataset, Rejected
from segpeft.data.loaders import CaseLoader
from segpeft.data.preprocess import preprocessing
from segpeft.data.sampler import EpochSampler, rank_share
from segpeft.errors import InputError


class Fails:
    def __call__(self, case):
        raise KeyError("a bug")


def test_a_bad_case_becomes_a_marker(msd_items):
    Path(msd_items[1]["image"]).write_bytes(b"damaged")
    cases = CaseDataset(msd_items, preprocessing("image"))
    assert cases[0]["image"].shape == (4, 8, 7, 7)
    assert isinstance(cases[1], Rejected)
    assert cases[1].case == "BRATS_001"
    assert str(cases[1]).startswith(msd_items[1]["image"])


def test_a_case_without_its_files_becomes_a_marker(msd_folder):
    (msd_folder / "imagesTr" / "BRATS_002.nii.gz").unlink()
    assert isinstance(CaseDataset(CaseList(msd_folder, "all"), preprocessing("image"))[2], Rejected)


def test_an_error_of_the_program_is_not_hidden(msd_items):
    with pytest.raises(KeyError, match="a bug"):
        CaseDataset(msd_items, Fails())[0]


def test_an_id_is_made_where_there_is_none(msd_items):
    assert CaseDataset([{"image": msd_items[0]["image"]}], preprocessing("image"))[0]["case"] == "BRATS_000"


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_passes_over_rejected_cases_in_order(msd_items, caplog, workers):
    Path(msd_items[1]["image"]).write_bytes(b"damaged")
    loader = CaseLoader(CaseDataset(msd_items, preprocessing("image")), num_workers=workers)
    assert [batch["case"] for batch in loader] == [["BRATS_000"], ["BRATS_002"]]
    assert [case.case for case in loader.rejected] == ["BRATS_001"]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {msd_items[1]['image']}: cannot be read")
    assert "\n" not in lines[0]


def test_a_batch_keeps_its_good_cases_and_each_pass_counts_anew(msd_items):
    Path(msd_items[1]["image"]).write_bytes(b"damaged")
    loader = CaseLoader(CaseDataset(msd_items, preprocessing("image")), batch_size=3)
    for _ in range(2):
        (batch,) = loader
        assert batch["image"].shape == (2, 4, 8, 7, 7)
        assert len(loader.rejected) == 1


def test_construction_asks_nothing_of_the_data_set():
    loader = CaseLoader(CaseDataset(CaseList("/no/such/folder"), preprocessing("image")), shuffle=True)
    with pytest.raises(InputError, match="no such folder"):
        len(loader)


def test_length_is_in_batches(msd_items):
    assert len(CaseLoader(CaseDataset(msd_items, preprocessing("image")), batch_size=2)) == 2


@pytest.mark.parametrize(
    "knobs", [{"batch_size": 0}, {"num_workers": -1}, {"persistent_workers": True, "num_workers": 1}]
)
def test_knobs_out_of_range_are_refused(knobs):
    with pytest.raises(InputError):
        CaseLoader(CaseDataset([], preprocessing("image")), **knobs)


def test_order_depends_on_seed_and_epoch_only():
    sampler = EpochSampler(range(20), shuffle=True, seed=4)
    first = list(sampler)
    assert first == list(sampler)
    assert sorted(first) == list(range(20))
    torch.manual_seed(99)
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(EpochSampler(range(20), shuffle=True, seed=5)) != first


def test_unshuffled_order_is_the_data_sets():
    assert list(EpochSampler(range(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize(("count", "world"), [(10, 3), (2, 4), (9, 3), (0, 2)])
def test_ranks_share_an_evaluation_without_repeats(count, world):
    shares = [rank_share(count, False, 0, 0, rank, world) for rank in range(world)]
    assert sorted(index for share in shares for index in share) == list(range(count))


@pytest.mark.parametrize(("count", "world"), [(10, 3), (2, 4), (9, 3)])
def test_ranks_share_a_training_in_equal_parts(count, world):
    shares = [rank_share(count, True, 0, 3, rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    assert {index for share in shares for index in share} == set(range(count))
    assert sum(map(len, shares)) - count < world
