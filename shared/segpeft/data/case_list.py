"""The cases of a data set by section and fold, as a config names them."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from segpeft.data.datalist import find_cases, split
from segpeft.data.folds import check_fold
from segpeft.data.layouts import CHANNELS, Case
from segpeft.data.provenance import ABSENT
from segpeft.errors import InputError

SECTIONS = ("training", "validation", "all", "test")


class CaseList(Sequence[dict[str, Any]]):
    """The cases of one section of a data set, as `{"case": id, "image": path or [paths], "label": path}`.

    The disk is read at the first `len` or item, not before. A case that lacks a file is still counted and raises when
    it is asked for, so that one bad case does not hide the others.

    Args:
        dataset_dir: a folder or datalist file, see `find_cases`.
        section: "training" or "validation" of the fold; "all" labelled cases, or all cases where `labelled` is off;
            "test": the test list of a `dataset.json` or datalist.
        fold: which fold validates, 0 to `folds` - 1.
        folds: how many folds there are.
        channels: names in the order that the image's channels shall have.
        labelled: cases must have a label; off: labels are left out.
        seed: of the split.
        channel_files: channel name to file name, for case folders with names of their own.
        label_file: file name of the label in such folders.
        allow_missing: a case of several files may lack some of its channels, which are then `ABSENT` in "image".
        train_share: of the section "training" only so large a share is taken, at least one case; a smaller share is
            part of every larger one of the same `seed`.

    Raises:
        InputError: (constructor) a knob out of range; (first use) see `find_cases`; (item) a file is missing.
    """

    def __init__(
        self,
        dataset_dir: str | Path,
        section: str = "all",
        fold: int = 0,
        folds: int = 5,
        channels: Sequence[str] = CHANNELS,
        labelled: bool = True,
        seed: int = 0,
        channel_files: Mapping[str, str] | None = None,
        label_file: str | None = None,
        allow_missing: bool = False,
        train_share: float = 1.0,
    ) -> None:
        if not channels:
            raise InputError("channels is empty; expected at least one channel name")
        if not 0 < train_share <= 1:
            raise InputError(f"train_share is {train_share}; expected a number above 0, at most 1")
        self.dataset_dir, self.section, self.fold, self.folds = dataset_dir, section, fold, folds
        self.channels, self.labelled, self.seed = tuple(channels), labelled, seed
        self.channel_files, self.label_file, self.allow_missing = channel_files, label_file, allow_missing
        self.train_share = train_share
        self._cases: list[Case] | None = None
        self._check_section()

    def _check_section(self) -> None:
        if self.section not in SECTIONS:
            raise InputError(f"section is {self.section!r}; expected one of {', '.join(SECTIONS)}")
        if self.section in ("training", "validation"):
            check_fold(self.fold, self.folds)

    def __len__(self) -> int:
        return len(self.cases)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self._item(case) for case in self.cases[index]]
        return self._item(self.cases[index])

    @property
    def cases(self) -> list[Case]:
        """The section's cases, found on first use."""
        if self._cases is None:
            found = find_cases(self.dataset_dir, self.channels, self.channel_files, self.label_file)
            self._cases = self._select(found)
            if not self._cases:
                raise InputError(
                    f"{self.dataset_dir}: no cases in section {self.section!r} (found {len(found)} in all)"
                )
        return self._cases

    def _select(self, cases: list[Case]) -> list[Case]:
        if self.section == "test":
            return [case for case in cases if case.section == "test"]
        if self.section == "all" and not self.labelled:
            return cases
        cases = [case for case in cases if case.section != "test"]
        if self.section == "all":
            return cases
        folds = split(cases, self.folds, self.seed, self.fold)
        if self.section == "validation":
            return [case for case in cases if folds[case.name] == self.fold]
        return self._share([case for case in cases if folds[case.name] != self.fold])

    def _share(self, cases: list[Case]) -> list[Case]:
        order = np.random.RandomState(self.seed).permutation(len(cases))
        kept = order[: max(1, round(self.train_share * len(cases)))]
        return [cases[index] for index in sorted(kept)]

    def _item(self, case: Case) -> dict[str, Any]:
        images = self._images(case)
        missing = [path for path in (*images, case.label) if path and not os.path.exists(path)]
        if missing:
            raise InputError(f"{missing[0]}: no such file (case {case.name})")
        item: dict[str, Any] = {"case": case.name, "image": images[0] if len(images) == 1 else images}
        if self.labelled:
            if case.label is None:
                raise InputError(f"case {case.name}: has no label; expected {case.expected_label}")
            item["label"] = case.label
        return item

    def _images(self, case: Case) -> list[str]:
        """Returns the files of a case in channel order, `ABSENT` for those that it may lack."""
        there = [path if os.path.exists(path) else ABSENT for path in case.images]
        if self.allow_missing and len(there) > 1 and any(there) and not case.ambiguous:
            return there
        if case.problem:
            raise InputError(f"{case.problem}; expected the channels {', '.join(self.channels)}")
        return [*case.images]


def cases_of(cases: CaseList, section: str) -> CaseList:
    """Returns another section of the data set that `cases` describes, so that a config describes it once.

    Raises:
        InputError: there is no such section, or `fold` is out of range.
    """
    other = copy.copy(cases)
    other.section, other._cases = section, None
    other._check_section()
    return other
