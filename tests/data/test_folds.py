import pytest

from segpeft.data.folds import assign_folds, check_fold
from segpeft.errors import InputError

IDS = [f"case_{index:02d}" for index in range(11)]


def test_folds_do_not_depend_on_the_order_of_the_ids():
    assert assign_folds(IDS, 5, seed=3) == assign_folds(IDS[::-1], 5, seed=3)


def test_folds_depend_on_the_seed():
    assert assign_folds(IDS, 5, seed=0) != assign_folds(IDS, 5, seed=1)


def test_folds_have_nearly_equal_size():
    sizes = [list(assign_folds(IDS, 5).values()).count(fold) for fold in range(5)]
    assert sorted(sizes) == [2, 2, 2, 2, 3]


def test_the_split_is_the_one_of_the_first_release():
    assert assign_folds(IDS[:6], 3, seed=0) == {
        "case_00": 1,
        "case_01": 2,
        "case_02": 1,
        "case_03": 0,
        "case_04": 2,
        "case_05": 0,
    }


@pytest.mark.parametrize(("fold", "folds"), [(0, 1), (-1, 5), (5, 5)])
def test_impossible_folds_are_refused(fold, folds):
    with pytest.raises(InputError, match="fold"):
        check_fold(fold, folds)


def test_fewer_cases_than_folds_are_refused():
    with pytest.raises(InputError, match="2 labelled case"):
        assign_folds(IDS[:2], 5)
