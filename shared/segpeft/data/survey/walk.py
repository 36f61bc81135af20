"""Going through the cases of a data set, in this process or in several, one case in memory at a time in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import torch

from segpeft.data.layouts import Case
from segpeft.data.survey.facts import case_facts
from segpeft.data.survey.opened_case import OpenedCase, open_case

Found = TypeVar("Found")


def look_at(
    cases: Sequence[Case],
    look: Callable[[OpenedCase], Found] = case_facts,  # type: ignore[assignment]
    workers: int = 0,
) -> Iterator[Found]:
    """Yields what `look` finds in each case, in the order of the cases.

    Args:
        cases: as `find_cases` returns them.
        look: takes an opened case; with workers a function of a module, and what it returns travels between processes.
        workers: processes beside this one; 0: none.
    """
    if workers == 0:
        yield from (look(open_case(case)) for case in cases)
        return
    context = get_context("spawn")  # forking is not safe once torch has started threads
    with ProcessPoolExecutor(min(workers, max(len(cases), 1)), context, torch.set_num_threads, (1,)) as pool:
        yield from pool.map(_look, [look] * len(cases), cases)


def _look(look: Callable[[OpenedCase], Found], case: Case) -> Found:
    return look(open_case(case))
