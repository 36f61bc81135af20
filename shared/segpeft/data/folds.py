"""Deterministic K folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segpeft.errors import InputError


def check_fold(fold: int, folds: int) -> None:
    """Refuses fold numbers that make no split.

    Raises:
        InputError: fewer than 2 folds, or `fold` is not one of them.
    """
    if folds < 2:
        raise InputError(f"folds is {folds}; expected at least 2")
    if not 0 <= fold < folds:
        raise InputError(f"fold is {fold}; expected 0 to {folds - 1}, as folds is {folds}")


def assign_folds(ids: Sequence[str], folds: int, seed: int = 0) -> dict[str, int]:
    """Returns the fold of every id: the sorted ids, permuted by `seed`, dealt out in turn.

    It depends on nothing but the set of ids, `folds` and `seed`: not on the machine, the order of the file system or
    other random numbers drawn before.

    Raises:
        InputError: there are fewer ids than folds.
    """
    check_fold(0, folds)
    if len(ids) < folds:
        raise InputError(
            f"{len(ids)} labelled case(s) cannot be split into {folds} folds; set folds to 2..number of cases"
        )
    order = np.random.RandomState(seed).permutation(len(ids))  # RandomState: its stream is frozen across numpy versions
    names = sorted(ids)
    return {names[case]: position % folds for position, case in enumerate(order)}
