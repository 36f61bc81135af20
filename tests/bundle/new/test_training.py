import pytest

from segpeft.bundle.new.choice import knobs_of
from segpeft.bundle.new.scale import SCALES
from segpeft.bundle.new.training import choose_training
from tests.bundle.new.summaries import summary


def knobs(whole=True, **changes):
    return knobs_of(choose_training(summary(**changes), SCALES["cpu"], whole))


@pytest.mark.parametrize(
    ("cases", "folds"), [(2, 2), (3, 3), (5, 5), (40, 5), (100, 10), (200, 20), (5000, 20)], ids=str
)
def test_folds_by_the_number_of_cases(cases, folds):
    assert knobs(cases=cases)["folds"] == folds


def test_folds_of_a_datalist_stay():
    assert knobs(cases=200, fixed_folds=7)["folds"] == 7


@pytest.mark.parametrize("cases", [40, 200, 400], ids=str)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "part"])
def test_every_training_sees_about_as_many_crops(cases, whole):
    found = knobs(whole, cases=cases)
    trained = cases - cases // found["folds"]
    crops = found["epochs"] * trained * found["crops_per_case"]
    assert abs(crops / SCALES["cpu"].crops - 1) < 0.2 or found["epochs"] == 10


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "part"])
def test_a_step_takes_two_crops(whole):
    found = knobs(whole)
    assert found["batch_size"] * found["crops_per_case"] == 2


def test_validations_do_not_outnumber_epochs():
    found = knobs(cases=5000)
    assert found["epochs"] == 10
    assert found["val_interval"] == 1
