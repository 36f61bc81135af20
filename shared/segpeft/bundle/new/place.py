"""Where a data set's cases are, and what its files are called: found without opening a volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segpeft.bundle.json_files import json_object
from segpeft.data.datalist import find_cases
from segpeft.data.layouts import BRATS_2018, BRATS_2023, CHANNELS, LABEL, Case, brats_cases, kits_cases, volume_folders
from segpeft.data.listed_names import listed_channels, values_and_names
from segpeft.data.naming import is_volume, stem
from segpeft.errors import InputError

from .case_folders import roles_of
from .plain_names import plain_name, plain_names

SHOWN = 4
"""So many names are named where nothing fits."""


@dataclass(frozen=True)
class Place:
    """A data set before its volumes are opened.

    Args:
        source: folder or datalist file.
        title: what it is called.
        layout: what it was recognised as.
        channels: names, in the order of the files or of the 4D file.
        label_file: name of the label in case folders of their own kind.
        cases: all of them.
        named: the channels' names come from a person or the files; otherwise they are numbers.
        words: what the files say of the modality of each channel, lower case.
        labels: names of the label values, as far as they are known; a scheme's name where the layout has one.
        licence: as `dataset.json` says it.
    """

    source: Path
    title: str
    layout: str
    channels: tuple[str, ...]
    label_file: str | None
    cases: tuple[Case, ...]
    named: bool = True
    words: tuple[str, ...] = ()
    labels: str | Mapping[int, str] = field(default_factory=dict)
    licence: str = ""

    @property
    def dicom(self) -> bool:
        """Whether some volume is a folder of DICOM files."""
        return any(Path(image).is_dir() for case in self.cases for image in case.images)

    @property
    def judged(self) -> bool:
        """Whether there are test cases with labels, to be scored on at the end."""
        return any(case.section == "test" and case.label for case in self.cases)

    @property
    def labelled(self) -> tuple[Case, ...]:
        """The cases to learn from: those with a label that are no test cases."""
        return tuple(case for case in self.cases if case.section != "test" and case.label)


def find_place(dataset: str | Path, channels: Sequence[str] = (), label_file: str | None = None) -> Place:
    """Returns where the cases of a data set are.

    Args:
        dataset: a folder, its `dataset.json`, or a datalist.
        channels: their names, where the files should not say them.
        label_file: name of the label in case folders, where it is not clear.

    Raises:
        InputError: there is no such place, nothing in it is a data set, or no case of it has a label.
    """
    root = Path(dataset).expanduser()
    if not root.exists():
        raise InputError(f"{root}: no such folder or datalist file")
    listing = root if root.is_file() else root / "dataset.json"
    place = _listed(listing, channels) if listing.is_file() else _folders(root, channels, label_file)
    if not place.labelled:
        raise InputError(f"{root}: {len(place.cases)} cases, none with a label; expected labels to learn from")
    return place


def _listed(path: Path, channels: Sequence[str]) -> Place:
    content = json_object(path)
    words = listed_channels(content)
    cases = find_cases(path, channels or words or ("image",))
    names = channels or words or [f"channel {n + 1}" for n in range(len(cases[0].images))]
    return Place(
        source=path.parent if path.name == "dataset.json" else path,
        title=plain_name(content.get("name") or path.parent.resolve().name, "data set"),
        layout=f"{path.name} of {len(cases)} cases",
        channels=tuple(plain_names(names, "channel")),
        label_file=None,
        cases=tuple(cases),
        named=bool(channels or words),
        words=tuple(word.lower() for word in words),
        labels=_label_names(content.get("labels")),
        licence=plain_name(content.get("licence") or content.get("license") or "", ""),
    )


def _label_names(listed: Any) -> dict[int, str]:
    """Returns value to name, without 0 and what is no whole number."""
    pairs = values_and_names(listed) if isinstance(listed, Mapping) else []
    found = {int(value): name for value, name in pairs if value.isdigit() and int(value) > 0}
    return dict(zip(found, plain_names(found.values(), "label"), strict=True))


def _folders(root: Path, channels: Sequence[str], label_file: str | None) -> Place:
    def place(layout: str, names: Sequence[str], cases: Sequence[Case], labels: Any, file: str | None = None) -> Place:
        title = plain_name(root.resolve().name, "data set")
        words = tuple(name.lower() for name in names)
        return Place(root, title, layout, tuple(names), file, tuple(cases), words=words, labels=labels)

    for suffixes, scheme in ((BRATS_2018, "brats"), (BRATS_2023, "brats2023")):
        cases = brats_cases(root, channels or CHANNELS, suffixes)
        if cases and any(case.label for case in cases):
            return place(f"{suffixes.family} folders", channels or CHANNELS, cases, scheme)
    cases = kits_cases(root, channels or ("CT",)) if len(channels) < 2 else []
    if cases:
        return place("KiTS19 folders", channels or ("CT",), cases, "kits19")
    roles = roles_of([names for _, names in volume_folders(root)], channels, label_file)
    if roles is None:
        raise InputError(f"{root}: {_seen(root)}; expected {_known()}")
    cases = find_cases(root, roles.channels, None, roles.label)
    file = None if roles.label == LABEL else roles.label
    return place("case folders", roles.channels, cases, {}, file)


def _known() -> str:
    return (
        "dataset.json, BraTS or KiTS19 case folders, case folders with one volume a channel and a label of the same "
        "names in each (--channels and --label_file say which), or a datalist JSON"
    )


def _seen(root: Path) -> str:
    flat = sorted(path.name for path in root.iterdir() if is_volume(path))
    if flat:
        return f"volumes without labels ({', '.join(map(stem, flat[:SHOWN]))}{', ...' if len(flat) > SHOWN else ''})"
    names = Counter(name for _, found in volume_folders(root) for name in found)
    if names:
        most = ", ".join(name for name, _ in names.most_common(SHOWN))
        return f"case folders whose names do not tell channels and label ({most})"
    found = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    return f"no volume in it nor two folders below ({', '.join(found[:SHOWN]) or 'empty'})"
