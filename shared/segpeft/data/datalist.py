"""Finding the cases of a data set, and the command that splits them: `python -m segpeft.data.datalist`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segpeft.atomic_files import replacing
from segpeft.data.datalist_file import datalist_cases
from segpeft.data.folds import assign_folds
from segpeft.data.layouts import CHANNELS, Case, folder_cases
from segpeft.errors import InputError, one_line_errors

ABOUT = ("name", "modality", "channel_names", "labels", "licence")
"""What the Decathlon and nnU-Net say of a data set in its `dataset.json` that stays true of a split of it."""


def find_cases(
    dataset_dir: str | Path,
    channels: Sequence[str] = CHANNELS,
    channel_files: Mapping[str, str] | None = None,
    label_file: str | None = None,
) -> list[Case]:
    """Returns every case of a data set, sorted by id, whichever of the known layouts it has.

    They are: a folder with `dataset.json` (MSD), BraTS case folders of 2018-2021 or 2023+ (also under HGG/LGG), KiTS19
    case folders, case folders with one volume (NIfTI or a folder of DICOM files) a channel, named by `channel_files` or
    like the channels, a plain folder of volumes, or a datalist JSON file.

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


def hold_out(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """Returns the cases with `count` of those that are no test cases drawn to be such, labels and all.

    Test cases without a label, which nobody could judge on, are left out then.

    Raises:
        InputError: there are not more than `count` to draw from.
    """
    names = sorted(case.name for case in cases if case.section != "test")
    if not 0 <= count < len(names):
        raise InputError(f"hold_out is {count}; expected 0 to {len(names) - 1}, as there are {len(names)} cases")
    drawn = {names[index] for index in np.random.RandomState(seed).permutation(len(names))[:count]}
    kept = [case for case in cases if case.section != "test" or case.label] if count else cases
    return [replace(case, section="test", fold=None) if case.name in drawn else case for case in kept]


def write_datalist(
    cases: Sequence[Case], out: Path, folds: int, seed: int, about: Mapping[str, Any] | None = None
) -> None:
    """Writes `cases` as a datalist: training ones with their folds, and test ones; paths beside `out` are relative.

    Args:
        cases: to list.
        out: file to write.
        folds: how many.
        seed: of the split.
        about: what the data set says of itself, see `about_dataset`.

    Raises:
        InputError: a case has more than one file for a channel: a list would hide that one of them was taken.
    """
    unclear = [case for case in cases if case.ambiguous]
    if unclear:
        raise InputError(f"{unclear[0].problem}; expected one for each channel ({len(unclear)} such cases)")
    listed = [case for case in cases if case.section != "test"]
    assigned = split(listed, folds, seed)
    content = {
        **(about or {}),
        "folds": folds,
        "seed": seed,
        "training": [{**_entry(case, out), "fold": assigned[case.name]} for case in listed],
        "testing": [_entry(case, out) for case in cases if case.section == "test"],
    }
    with replacing(out) as partial:
        partial.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


def about_dataset(dataset_dir: str | Path) -> dict[str, Any]:
    """Returns what a `dataset.json` or datalist says of its data beside the cases: the names of labels, say."""
    root = Path(dataset_dir).expanduser()
    path = root if root.is_file() else root / "dataset.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a folder without such a file; a damaged one is refused where cases are read
        return {}
    return {key: content[key] for key in ABOUT if key in content} if isinstance(content, Mapping) else {}


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
    parser.add_argument("--hold_out", type=int, default=0, help="cases to list as test cases (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (default 0)")
    parser.add_argument("--out", type=Path, default=Path("datalist.json"), help="file to write (default datalist.json)")
    parser.add_argument("--channels", nargs="+", default=list(CHANNELS), help="channel order (default %(default)s)")
    parser.add_argument("--channel_files", help='channel to file name in case folders, as JSON: {"T2": "axial.nii.gz"}')
    parser.add_argument("--label_file", help="file name of the label in case folders")
    chosen = parser.parse_args(arguments)
    found = find_cases(chosen.dataset_dir, chosen.channels, _names(chosen.channel_files), chosen.label_file)
    cases = hold_out(found, chosen.hold_out, chosen.seed)
    about = {} if chosen.channel_files else about_dataset(chosen.dataset_dir)
    write_datalist(cases, chosen.out, chosen.folds, chosen.seed, about)
    bare = sum(case.label is None for case in cases)
    print(f"{chosen.out}: {len(cases)} cases in {chosen.folds} folds (seed {chosen.seed}), {bare} without label")


def _names(text: str | None) -> dict[str, str] | None:
    try:
        names = json.loads(text or "null")
    except ValueError:
        names = text
    if names is not None and not (isinstance(names, dict) and all(isinstance(name, str) for name in names.values())):
        raise InputError(f"--channel_files is {text}; expected a JSON object of channel and file names")
    return names


if __name__ == "__main__":
    main()
