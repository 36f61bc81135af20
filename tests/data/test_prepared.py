import json
import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, RandFlipd, RandScaleIntensityd

from segpeft.data.crops import RandBalancedCropd
from segpeft.data.loaders import CaseLoader
from segpeft.data.prepared import PreparedDataset
from segpeft.data.preprocess import preprocessing
from segpeft.errors import InputError

KEYS = ("image", "label")


def dataset(items, cache, random=True, **knobs) -> PreparedDataset:
    steps = [preprocessing(KEYS, label_scheme=knobs.pop("scheme", "msd"))]
    if random:
        steps += [RandBalancedCropd(KEYS, 6, 2), RandFlipd(KEYS, 0.5, 0), RandScaleIntensityd("image", 0.1, prob=1)]
    return PreparedDataset(items, Compose(steps), cache, progress=False, **{"workers": 0, **knobs})


def written(cache: Path) -> dict[str, int]:
    return {str(path.relative_to(cache)): path.stat().st_mtime_ns for path in cache.rglob("*.npy")}


def test_whole_cases_equal_the_preprocessing(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache", random=False, dtype="float32")
    cases.prepare()
    direct = preprocessing(KEYS, label_scheme="msd")(msd_items[1])
    assert torch.equal(cases[1]["image"].as_tensor(), direct["image"].as_tensor())
    assert torch.equal(cases[1]["label"].as_tensor(), direct["label"].as_tensor())
    assert torch.equal(cases[1]["image"].affine, direct["image"].affine)
    assert isinstance(cases[1]["label"], MetaTensor)
    assert cases[1]["case"] == "BRATS_001"


def test_float16_halves_the_disk_and_stays_close(msd_items, tmp_path):
    half, single = (dataset(msd_items, tmp_path / dtype, random=False, dtype=dtype) for dtype in ("float16", "float32"))
    half.prepare()
    single.prepare()
    torch.testing.assert_close(half[0]["image"].as_tensor(), single[0]["image"].as_tensor(), rtol=1e-3, atol=1e-3)
    assert half[0]["image"].dtype == torch.float32
    stored = [np.load(next((tmp_path / d).rglob("image.npy")), mmap_mode="r") for d in ("float16", "float32")]
    assert stored[0].nbytes * 2 == stored[1].nbytes
    assert np.load(next(tmp_path.rglob("label.npy"))).dtype == np.uint8


def test_items_are_plain_float32_crops(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache")
    cases.prepare()
    crops = cases[0]
    assert [crop["image"].shape for crop in crops] == [(4, 6, 6, 6)] * 2
    assert [crop["label"].shape for crop in crops] == [(3, 6, 6, 6)] * 2
    assert {type(crop[key]) for crop in crops for key in KEYS} == {torch.Tensor}
    assert {crop[key].dtype for crop in crops for key in KEYS} == {torch.float32}
    assert [crop["case"] for crop in crops] == ["BRATS_000"] * 2


def test_construction_touches_no_disk(tmp_path):
    cases = dataset([{"image": "/no/such/file"}], tmp_path / "cache")
    CaseLoader(cases, shuffle=True)
    assert not (tmp_path / "cache").exists()


def test_a_second_run_reuses_everything(msd_items, tmp_path, caplog):
    dataset(msd_items, tmp_path / "cache").prepare()
    before = written(tmp_path / "cache")
    with caplog.at_level(logging.INFO, "segpeft"):
        dataset(msd_items, tmp_path / "cache").prepare()
    assert written(tmp_path / "cache") == before
    assert "3 cases reused, 0 prepared" in caplog.text
    assert "MB on disk" in caplog.text


def test_training_and_validation_share_their_cases(msd_items, tmp_path):
    dataset(msd_items, tmp_path / "cache").prepare()
    before = written(tmp_path / "cache")
    dataset(msd_items, tmp_path / "cache", random=False).prepare()
    assert written(tmp_path / "cache") == before


def test_a_changed_file_is_prepared_anew(msd_items, tmp_path, write_nifti, caplog):
    dataset(msd_items, tmp_path / "cache").prepare()
    before = written(tmp_path / "cache")
    write_nifti(Path(msd_items[1]["label"]), np.ones((14, 12, 10), np.uint8))
    again = dataset(msd_items, tmp_path / "cache", random=False)
    with caplog.at_level(logging.INFO, "segpeft"):
        again.prepare()
    after = written(tmp_path / "cache")
    assert {Path(name).parts[1][:9] for name in after if after[name] != before.get(name)} == {"BRATS_001"}
    assert set(after) == set(before)
    assert again[1]["label"][0].all()
    assert "1 prepared (1 of them were stale)" in caplog.text


def test_a_touched_file_is_prepared_anew(msd_items, tmp_path):
    dataset(msd_items, tmp_path / "cache").prepare()
    before = written(tmp_path / "cache")
    os.utime(msd_items[0]["image"], ns=(1, 1))
    dataset(msd_items, tmp_path / "cache").prepare()
    assert sum(written(tmp_path / "cache")[name] != time for name, time in before.items()) == 5


@pytest.mark.parametrize("knobs", [{"scheme": "brats2023"}, {"dtype": "float32"}])
def test_other_knobs_have_cases_of_their_own(msd_items, tmp_path, knobs, caplog):
    dataset(msd_items, tmp_path / "cache").prepare()
    with caplog.at_level(logging.INFO, "segpeft"):
        dataset(msd_items, tmp_path / "cache", **knobs).prepare()
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert "prepared with other settings" in caplog.text


@pytest.mark.parametrize("damage", ["truncated array", "no header", "half a header"])
def test_a_damaged_case_is_prepared_anew(msd_items, tmp_path, damage):
    dataset(msd_items, tmp_path / "cache").prepare()
    folder = next((tmp_path / "cache").rglob("BRATS_002*"))
    if damage == "truncated array":
        os.truncate(folder / "image.npy", 200)
    elif damage == "no header":
        (folder / "header.json").unlink()
    else:
        (folder / "header.json").write_text((folder / "header.json").read_text()[:50])
    cases = dataset(msd_items, tmp_path / "cache", random=False)
    cases.prepare()
    assert cases[2]["image"].shape == (4, 8, 7, 7)
    assert json.loads((folder / "header.json").read_text())["case"] == "BRATS_002"


def test_all_bad_cases_are_reported_and_the_good_ones_kept(msd_items, tmp_path, write_nifti, caplog):
    write_nifti(Path(msd_items[0]["label"]), np.full((14, 12, 10), 9, np.uint8))
    Path(msd_items[2]["image"]).write_bytes(b"damaged")
    with pytest.raises(InputError, match="2 of 3 cases cannot be used") as caught:
        dataset(msd_items, tmp_path / "cache").prepare()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [line.split(":")[:2] for line in errors] == [["error", " BRATS_000"], ["error", " BRATS_002"]]
    assert not any("\n" in line for line in [*errors, str(caught.value)])
    assert {Path(name).parts[1][:9] for name in written(tmp_path / "cache")} == {"BRATS_001"}
    assert not list(tmp_path.rglob(".partial-*"))


def test_worker_processes_prepare_the_same(msd_items, tmp_path):
    dataset(msd_items, tmp_path / "one").prepare(workers=0)
    dataset(msd_items, tmp_path / "two").prepare(workers=2)
    for path in (tmp_path / "one").rglob("*.npy"):
        np.testing.assert_array_equal(np.load(path), np.load(tmp_path / "two" / path.relative_to(tmp_path / "one")))


def test_cases_without_an_id_take_the_name_of_their_file(msd_items, tmp_path):
    cases = dataset([{key: item[key] for key in KEYS} for item in msd_items], tmp_path / "cache")
    cases.prepare()
    assert cases[0][0]["case"] == "BRATS_000"


def test_the_same_id_of_two_sets_does_not_clash(msd_items, tmp_path):
    twice = [msd_items[0], {**msd_items[1], "case": msd_items[0]["case"]}]
    cases = dataset(twice, tmp_path / "cache", random=False)
    cases.prepare()
    assert not torch.equal(cases[0]["image"].as_tensor(), cases[1]["image"].as_tensor())


def test_an_id_may_hold_any_character(msd_items, tmp_path):
    cases = dataset([{**msd_items[0], "case": "site 1/../é:7"}], tmp_path / "cache", random=False)
    cases.prepare()
    assert cases[0]["case"] == "site 1/../é:7"
    assert len(list((tmp_path / "cache").glob("*/site_1_.._*"))) == 1


def passes(cases: PreparedDataset, workers: int, count: int = 2, seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    loader = CaseLoader(cases, shuffle=True, num_workers=workers)
    return [torch.stack([batch["image"].sum((1, 2, 3, 4)) for batch in loader]) for _ in range(count)]


def test_crops_do_not_depend_on_workers_but_on_pass_and_seed(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache")
    cases.prepare()
    here = passes(cases, workers=0)
    assert all(torch.equal(one, other) for one, other in zip(here, passes(cases, workers=2), strict=True))
    assert not torch.equal(here[0], here[1])
    assert not torch.equal(here[0], passes(cases, workers=0, seed=1)[0])


def test_a_case_looks_the_same_whatever_was_read_before(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache")
    cases.prepare()
    cases.set_random_state(5)
    first = cases[2][1]["image"]
    _ = cases[0], cases[1]
    assert torch.equal(cases[2][1]["image"], first)


def test_other_random_transforms_may_come_first(msd_items, tmp_path):
    cases = PreparedDataset(
        msd_items, [preprocessing(KEYS), RandFlipd(KEYS, 1.0, 0)], tmp_path, workers=0, progress=False
    )
    cases.prepare()
    direct = preprocessing(KEYS)(msd_items[0])
    assert torch.equal(cases[0]["label"], direct["label"].as_tensor().flip(1))


def test_preparing_leaves_the_random_state_of_torch(msd_items, tmp_path):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    dataset(msd_items, tmp_path / "cache").prepare()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_prepared_data_set_can_be_sent_to_a_process(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache")
    cases.prepare()
    assert pickle.loads(pickle.dumps(cases))[0][0]["image"].shape == (4, 6, 6, 6)


def test_items_do_not_change_the_cache(msd_items, tmp_path):
    cases = dataset(msd_items, tmp_path / "cache", random=False)
    cases.prepare()
    cases[0]["image"].zero_()
    assert cases[0]["image"].abs().sum() > 0


def test_values_too_large_for_float16_are_refused(msd_items, tmp_path, write_nifti):
    image = np.random.default_rng(0).normal(0, 1, (14, 12, 10, 4)).astype(np.float32)
    image[5, 5, 5] = 1e9
    steps = preprocessing(KEYS).transforms
    unscaled = [step for step in steps if type(step).__name__ != "NormalizeForegroundd"]
    write_nifti(Path(msd_items[0]["image"]), image)
    with pytest.raises(InputError, match="do not fit float16; set dtype to float32"):
        PreparedDataset(msd_items[:1], unscaled, tmp_path / "cache", workers=0, progress=False).prepare()


def test_without_cache_dir_the_run_is_refused(msd_items):
    with pytest.raises(InputError, match="cache_dir is not set"):
        dataset(msd_items, None).prepare()


def test_another_dtype_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected 'float16' or 'float32'"):
        dataset([], tmp_path, dtype="int8")


def test_items_before_prepare_are_an_error_of_the_program(msd_items, tmp_path):
    with pytest.raises(RuntimeError, match=r"prepare\(\)"):
        dataset(msd_items, tmp_path)[0]
