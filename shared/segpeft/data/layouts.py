"""How data sets lie on disk: from a path to the cases in it, without opening a volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segpeft.data.channel_volumes import volumes_of_channels
from segpeft.data.naming import SUFFIXES, is_series, is_volume, stem
from segpeft.errors import InputError

CHANNELS = ("FLAIR", "T1w", "T1gd", "T2w")
"""Default channel order, that of MSD Task01."""

LABEL = "label.nii.gz"
"""The label's name in case folders with one volume a channel, unless `label_file` says otherwise."""

KITS_IMAGE, KITS_LABEL = "imaging.nii.gz", "segmentation.nii.gz"


@dataclass(frozen=True)
class Case:
    """One case as found on disk; which files are missing is only said when the case is asked for.

    Attributes:
        name: its id.
        images: one 4D file, or one file a channel in channel order.
        label: the label file, None where there is none.
        problem: one line about what is missing of the images, "" where nothing is.
        fold: a fold fixed by the datalist; None: by `assign_folds`.
        section: "training", "validation" or "test", as far as the data set itself says so.
        expected_label: what a missing label should have been called.
        ambiguous: `problem` is not only about missing files: there is more than one for a channel.
    """

    name: str
    images: tuple[str, ...]
    label: str | None = None
    problem: str = ""
    fold: int | None = None
    section: str = "training"
    expected_label: str = ""
    ambiguous: bool = False


@dataclass(frozen=True)
class Suffixes:
    """Names of the files in a case folder: endings of the one family of layouts.

    Attributes:
        family: what the layout is called in messages.
        channels: channel name to the ending that stands before `.nii` or `.nii.gz`.
        label: the label's ending.
    """

    family: str
    channels: Mapping[str, str]
    label: str


BRATS_2018 = Suffixes("BraTS 2018-2021", {"FLAIR": "_flair", "T1w": "_t1", "T1gd": "_t1ce", "T2w": "_t2"}, "_seg")
BRATS_2023 = Suffixes("BraTS 2023", {"FLAIR": "-t2f", "T1w": "-t1n", "T1gd": "-t1c", "T2w": "-t2w"}, "-seg")


def _ending_with(names: Sequence[str], ending: str) -> list[str]:
    wanted = tuple(ending + suffix for suffix in SUFFIXES)
    return [name for name in names if name.endswith(wanted)]


def volume_folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yields every folder under `root` (two levels: a case, or a grade and a case) with its volume names, sorted.

    A volume is a NIfTI file or a folder of DICOM files.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    nested = [
        sub for path in folders for sub in sorted(path.iterdir()) if sub.is_dir() and not sub.name.startswith(".")
    ]
    for folder in [*folders, *nested]:
        names = sorted(path.name for path in folder.iterdir() if is_volume(path) or is_series(path))
        if names:
            yield folder, names


def brats_cases(root: Path, channels: Sequence[str], suffixes: Suffixes) -> list[Case]:
    """Returns the cases of a BraTS folder, [] where it holds no file named in this way or `channels` are all others.

    Raises:
        InputError: `channels` names one that the layout does not have.
    """
    every = [*suffixes.channels.values(), suffixes.label]
    found = [(f, n) for f, n in volume_folders(root) if any(_ending_with(n, ending) for ending in every)]
    unknown = [name for name in channels if name not in suffixes.channels]
    if len(unknown) == len(channels):  # another organ's data, whose files may end in `_t2` as well
        return []
    if found and unknown:
        raise InputError(f"channels names {unknown}; {suffixes.family} folders have {list(suffixes.channels)}")
    return [_brats_case(folder, names, channels, suffixes) for folder, names in found]


def _brats_case(folder: Path, names: list[str], channels: Sequence[str], suffixes: Suffixes) -> Case:
    images, missing = [], []
    for channel in channels:
        matches = _ending_with(names, suffixes.channels[channel])
        expected = f"{folder.name}{suffixes.channels[channel]}.nii.gz"
        images.append(str(folder / (matches[0] if matches else expected)))
        if not matches:
            missing.append(expected)
    labels = _ending_with(names, suffixes.label)
    return Case(
        name=folder.name,
        images=tuple(images),
        label=str(folder / labels[0]) if labels else None,
        problem=f"{folder}: has no {', '.join(missing)}" if missing else "",
        expected_label=f"{folder.name}{suffixes.label}.nii.gz",
    )


def _case_name(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix().replace("/", "_")


def named_cases(root: Path, channels: Sequence[str], files: Mapping[str, str], label: str | None) -> list[Case]:
    """Returns the cases of folders whose volumes have the same names in each: `files` gives a channel's name.

    Raises:
        InputError: `files` lacks a channel.
    """
    lacking = [name for name in channels if name not in files]
    if lacking:
        raise InputError(f"channel_files has no entry for {lacking}; expected a file name for each of {list(channels)}")
    cases = []
    for folder, names in volume_folders(root):
        if not set(files.values()) & set(names):
            continue
        missing = [files[name] for name in channels if files[name] not in names]
        cases.append(
            Case(
                name=_case_name(root, folder),
                images=tuple(str(folder / files[name]) for name in channels),
                label=str(folder / label) if label and label in names else None,
                problem=f"{folder}: has no {', '.join(missing)}" if missing else "",
                expected_label=label or "label_file (not set)",
            )
        )
    return cases


def series_cases(root: Path, channels: Sequence[str], label: str) -> list[Case]:
    """Returns the cases of folders that hold one volume a channel, named like it: `T2.nii.gz`, `T2_tra/`, `adc.nii`.

    [] where no folder holds a volume named like a channel.
    """
    cases = []
    for folder, names in volume_folders(root):
        named = volumes_of_channels(names, channels, label)
        if any(named.values()):
            name = _case_name(root, folder)
            images = tuple(str(folder / (found or [f"{channel}.nii.gz"])[0]) for channel, found in named.items())
            found_label = str(folder / label) if label in names else None
            twice = any(len(found) > 1 for found in named.values())
            cases.append(
                Case(name, images, found_label, _not_one(folder, named), expected_label=label, ambiguous=twice)
            )
    return cases


def _not_one(folder: Path, named: Mapping[str, list[str]]) -> str:
    wrong = []
    for channel, found in named.items():
        if not found:
            wrong.append(f"no {channel} ({channel}.nii.gz or a DICOM folder {channel})")
        elif len(found) > 1:
            wrong.append(f"{len(found)} volumes for {channel} ({', '.join(found)})")
    return f"{folder}: has {', '.join(wrong)}" if wrong else ""


def kits_cases(root: Path, channels: Sequence[str]) -> list[Case]:
    """Returns the cases of KiTS19 as it is distributed: `case_00000/imaging.nii.gz` and `segmentation.nii.gz`.

    A case without a segmentation is a test case, as there: 210 of its 300 cases are labelled.

    Raises:
        InputError: there are such cases, but `channels` names more than the one that they have.
    """
    found = [(f, n) for f, n in volume_folders(root) if f.name.startswith("case_")]
    found = [(f, n) for f, n in found if set(n) & {KITS_IMAGE, KITS_LABEL}]
    if found and len(channels) != 1:
        raise InputError(f"channels names {list(channels)}; KiTS19 folders have one, such as ['CT']")
    return [_kits_case(root, folder, names) for folder, names in found]


def _kits_case(root: Path, folder: Path, names: list[str]) -> Case:
    labelled = KITS_LABEL in names
    return Case(
        name=_case_name(root, folder),
        images=(str(folder / KITS_IMAGE),),
        label=str(folder / KITS_LABEL) if labelled else None,
        problem="" if KITS_IMAGE in names else f"{folder}: has no {KITS_IMAGE}",
        section="training" if labelled else "test",
        expected_label=KITS_LABEL,
    )


def flat_cases(root: Path) -> list[Case]:
    """Returns one unlabelled case for every volume that lies in `root` itself."""
    files = sorted(path for path in root.iterdir() if path.is_file() and is_volume(path))
    return [Case(stem(path), (str(path),), expected_label="a datalist: a plain folder has no labels") for path in files]


def folder_cases(
    root: Path, channels: Sequence[str], channel_files: Mapping[str, str] | None, label_file: str | None
) -> list[Case]:
    """Returns the cases of a folder without a `dataset.json`, in the first layout that matches.

    Raises:
        InputError: nothing in the folder is a case.
    """
    if channel_files:
        cases = named_cases(root, channels, channel_files, label_file)
        wanted = ", ".join(channel_files.values())
    else:
        cases = brats_cases(root, channels, BRATS_2018) or brats_cases(root, channels, BRATS_2023)
        cases = (
            cases or kits_cases(root, channels) or series_cases(root, channels, label_file or LABEL) or flat_cases(root)
        )
        wanted = (
            "dataset.json with imagesTr, BraTS or KiTS19 case folders, case folders with files or DICOM folders named "
        )
        wanted += f"{', '.join(channels)}, or .nii/.nii.gz files (or set channel_files)"
    if not cases:
        raise InputError(f"{root}: no cases found; expected {wanted}")
    return cases
