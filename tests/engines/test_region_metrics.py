import logging

import pytest
import torch
from monai.data import DataLoader, MetaTensor

from segpeft.engines import Evaluator, RegionDice, RegionHD95
from segpeft.errors import InputError
from tests.engines.tiny import SCHEME


def masks(*boxes, size=8):
    """One region a box (first, last along every axis), None for an empty one."""
    made = torch.zeros(len(boxes), size, size, size)
    for region, box in zip(made, boxes, strict=True):
        if box is not None:
            region[box[0] : box[1], box[0] : box[1], box[0] : box[1]] = 1
    return made


FULL, HALF = masks((1, 5), (2, 4)), masks((1, 5), None)


def evaluate(pairs, metrics, scheme=SCHEME, decollate=True, batch_size=1):
    """Runs metrics over (prediction, label) pairs; the "network" hands its input through."""
    data = [{"image": p, "label": t, "case": f"c{i}"} for i, (p, t) in enumerate(pairs)]
    engine = Evaluator(
        "cpu",
        DataLoader(data, batch_size=batch_size),
        torch.nn.Identity(),
        key_val_metric=metrics,
        decollate=decollate,
    )
    engine.run()
    return engine.state


@pytest.mark.parametrize("decollate", [True, False], ids=["decollated", "batched"])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_means_by_region_and_overall(decollate, batch_size, caplog):
    with caplog.at_level(logging.INFO):
        metric, pairs = {"dice": RegionDice(SCHEME)}, [(FULL, FULL), (HALF, FULL)]
        state = evaluate(pairs, metric, decollate=decollate, batch_size=batch_size)
    assert state.metrics == {"dice": 0.75, "dice_whole": 1.0, "dice_core": 0.5, "cases": 2}
    assert "whole 1.0000, core 0.5000; n = 2" in caplog.text
    details = state.metric_details["dice"]
    assert details.regions == ("whole", "core")
    assert [case.case for case in details.cases] == ["c0", "c1"]
    assert details.cases[1].values == (1.0, 0.0)
    assert (details.cases[1].truth_voxels, details.cases[1].pred_voxels) == ((64, 8), (64, 0))


def test_empty_regions_stay_in_the_mean():
    state = evaluate([(HALF, HALF), (FULL, HALF)], {"dice": RegionDice(SCHEME), "hd95": RegionHD95(SCHEME)})
    assert state.metrics["dice_core"] == 0.5
    assert state.metrics["hd95_core"] == pytest.approx(373.13 / 2)
    assert state.metrics["cases"] == 2


def test_distances_use_the_labels_spacing():
    label = MetaTensor(masks((1, 3), (1, 3)), affine=torch.diag(torch.tensor([3.0, 1, 1, 1])))
    pred = masks((1, 3), (1, 3)).roll(2, dims=1)
    state = evaluate([(pred, label)], {"hd95": RegionHD95(SCHEME)})
    assert state.metrics["hd95"] == pytest.approx(6.0)


def test_label_maps_are_read_by_the_scheme():
    file = torch.zeros(1, 8, 8, 8)
    file[0, 1:5, 1:5, 1:5], file[0, 2:4, 2:4, 2:4] = 1, 2
    state = evaluate([(file, FULL), (FULL, file), (file, file)], {"dice": RegionDice(SCHEME)})
    assert state.metrics["dice"] == 1.0


def test_probabilities_are_thresholded():
    state = evaluate([(FULL * 0.6, FULL), (FULL * 0.4, FULL)], {"dice": RegionDice(SCHEME)})
    assert state.metrics["dice"] == 0.5


@pytest.mark.parametrize("values", [[1], [4], [1, 2]], ids=["one", "four", "two values"])
def test_a_single_region(values):
    scheme = {"name": "lesion", "regions": {"lesion": values}}
    label = masks((1, 4)) * values[-1]
    state = evaluate([(masks((1, 4)) * 0.9, label)], {"dice": RegionDice(scheme)}, scheme)
    assert state.metrics == {"dice": 1.0, "dice_lesion": 1.0, "cases": 1}


@pytest.mark.parametrize(
    ("pred", "label", "message"),
    [
        (FULL, masks((1, 5), (2, 4), size=9), "c0: the prediction is .* expected the same grid"),
        (masks((1, 2), None, None), FULL, "c0: has 3 channels"),
        (FULL, torch.full((1, 8, 8, 8), 7.0), "label values 7"),
    ],
    ids=["grid", "channels", "values"],
)
def test_what_does_not_fit_is_an_error(pred, label, message):
    with pytest.raises(InputError, match=message) as caught:
        evaluate([(pred, label)], {"dice": RegionDice(SCHEME)})
    assert "\n" not in str(caught.value)


def test_a_case_without_label_is_an_error():
    engine = Evaluator(
        "cpu",
        DataLoader([{"image": FULL, "case": "c0"}]),
        torch.nn.Identity(),
        key_val_metric={"d": RegionDice(SCHEME)},
    )
    with pytest.raises(InputError, match="c0: has no label"):
        engine.run()


def test_cases_need_no_names():
    data = DataLoader([{"image": FULL, "label": FULL}] * 3)
    engine = Evaluator("cpu", data, torch.nn.Identity(), key_val_metric={"dice": RegionDice(SCHEME)})
    engine.run()
    assert engine.state.metrics["cases"] == 3


def test_a_wrong_distance_is_refused_before_the_run():
    with pytest.raises(InputError, match="hd95_missing"):
        RegionHD95(SCHEME, hd95_missing="far")
