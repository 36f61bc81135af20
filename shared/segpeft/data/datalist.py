"""Lists of cases by section and fold, and the command that writes a split: `python -m segpeft.data.datalist`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from segpeft.atomic_files import replacing
from segpeft.data.datalist_file import datalist_cases
from segpeft.data.folds import assign_folds, check_fold
from segpeft.data.layouts import CHANNELS, Case, folder_cases
from segpeft.data.provenance import ABSENT
from segpeft.errors import InputError, one_line_errors

SECTIONS = ("training", "validation", "all", "test")


def find_cases(
    dataset_dir: str | Path,
    channels: Sequence[str] = CHANNELS,
    channel_files: Mapping[str, str] | None = None,
    label_file: str | None = None,
) -> list[Case]:
    """Returns every case of a data set, sorted by id, whichever of the known layouts it has.

    They are: a folder with `dataset.json` (MSD), BraTS case folders of 2018-2021 or 2023+ (also under HGG/LGG), case
    folders with one volume (NIfTI or a folder of DICOM files) a channel, named by `channel_files` or like the channels,
    a plain folder of volumes, or a datalist JSON file.

    Raises:
        InputError: there is no such folder or file, or no case in it.
    """
    root = Path(dataset_dir).expanduser()
    if root.is_file():
        cases = datalist_cases(root, channels)
    elif not root.is_dir():
        raise InputError(f"{root}: no such folder or datalist file (knob dataset_dir)")
    elif not channel_files and (root / "dataset.json").is_file():
        cases = datalist_cases(root / "dataset.json", channels)
    else:
        cases = folder_cases(root, channels, channel_files, label_file)
    return sorted(cases, key=lambda case: case.name)


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
    ) -> None:
        if section not in SECTIONS:
            raise InputError(f"section is {section!r}; expected one of {', '.join(SECTIONS)}")
        if section in ("training", "validation"):
            check_fold(fold, folds)
        if not channels:
            raise InputError("channels is empty; expected at least one channel name")
        self.dataset_dir, self.section, self.fold, self.folds = dataset_dir, section, fold, folds
        self.channels, self.labelled, self.seed = tuple(channels), labelled, seed
        self.channel_files, self.label_file, self.allow_missing = channel_files, label_file, allow_missing
        self._cases: list[Case] | None = None

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
        return [case for case in cases if (folds[case.name] == self.fold) == (self.section == "validation")]

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
    return CaseList(
        cases.dataset_dir,
        section,
        cases.fold,
        cases.folds,
        cases.channels,
        cases.labelled,
        cases.seed,
        cases.channel_files,
        cases.label_file,
    )


def split(cases: Sequence[Case], folds: int, seed: int, fold: int = 0) -> dict[str, int]:
    """Returns the fold of every case: as its datalist fixes it, or else by `assign_folds`.

    A datalist with a `validation` list and no folds gives that list to `fold`, and the rest to no fold (-1).

    Raises:
        InputError: some cases have a fixed fold and others have not, or there are fewer cases than folds.
    """
    fixed = [case for case in cases if case.fold is not None]
    if fixed and len(fixed) < len(cases):
        raise InputError(f"{len(fixed)} of {len(cases)} cases have a `fold` in the datalist; expected all or none")
    if fixed:
        return {case.name: int(case.fold or 0) for case in cases}
    if any(case.section == "validation" for case in cases):
        return {case.name: fold if case.section == "validation" else -1 for case in cases}
    return assign_folds([case.name for case in cases], folds, seed)


def write_datalist(cases: Sequence[Case], out: Path, folds: int, seed: int) -> None:
    """Writes `cases` as a datalist: training ones with their folds, and test ones; paths beside `out` are relative."""
    listed = [case for case in cases if case.section != "test"]
    assigned = split(listed, folds, seed)
    content = {
        "folds": folds,
        "seed": seed,
        "training": [{**_entry(case, out), "fold": assigned[case.name]} for case in listed],
        "testing": [_entry(case, out) for case in cases if case.section == "test"],
    }
    with replacing(out) as partial:
        partial.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


def _entry(case: Case, out: Path) -> dict[str, Any]:
    images = [_relative(path, out) for path in case.images]
    entry: dict[str, Any] = {"case": case.name, "image": images[0] if len(images) == 1 else images}
    return {**entry, "label": _relative(case.label, out)} if case.label else entry


def _relative(path: str, out: Path) -> str:
    absolute, root = Path(path).resolve(), out.resolve().parent
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes a split; see `--help`."""
    one_line_errors()
    parser = argparse.ArgumentParser(description="Write a deterministic K-fold split of a data set as a datalist file.")
    parser.add_argument("--dataset_dir", required=True, help="MSD folder, BraTS folder, or datalist file")
    parser.add_argument("--folds", type=int, default=5, help="how many folds (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (default 0)")
    parser.add_argument("--out", type=Path, default=Path("datalist.json"), help="file to write (default datalist.json)")
    parser.add_argument("--channels", nargs="+", default=list(CHANNELS), help="channel order (default %(default)s)")
    chosen = parser.parse_args(arguments)
    cases = find_cases(chosen.dataset_dir, chosen.channels)
    write_datalist(cases, chosen.out, chosen.folds, chosen.seed)
    print(f"{chosen.out}: {len(cases)} cases in {chosen.folds} folds (seed {chosen.seed})")


if __name__ == "__main__":
    main()
