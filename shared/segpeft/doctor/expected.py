"""What the cases of a data set should be like: as a bundle's knobs say, or as the set says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segpeft.bundle.json_files import read_json
from segpeft.data.label_schemes import label_scheme
from segpeft.data.layouts import CHANNELS
from segpeft.data.listed_names import listed_channels, values_and_names


@dataclass(frozen=True)
class Expected:
    """What is expected of every case.

    Attributes:
        channels: names in order.
        values: that labels may hold, 0 included, by their names; empty: nobody says.
        ct: all channels are in Hounsfield units; otherwise those named CT are.
        allow_missing: a case may lack channels.
        resample_channels: the files of a case may lie on grids of their own.
        channel_files: channel name to file name, for case folders with names of their own.
        label_file: file name of the label in such folders.
    """

    channels: tuple[str, ...] = CHANNELS
    values: Mapping[int, str] | None = None
    ct: bool = False
    allow_missing: bool = False
    resample_channels: bool = False
    channel_files: Mapping[str, str] | None = None
    label_file: str | None = None


def expected_by_bundle(knobs: Mapping[str, Any]) -> Expected:
    """Returns what a bundle expects.

    Args:
        knobs: the values of its knobs, those that it has.

    Raises:
        InputError: there is no such label scheme.
    """
    scheme = knobs.get("label_scheme")
    return Expected(
        channels=tuple(map(str, knobs.get("channels") or CHANNELS)),
        values=None if scheme is None else _values(label_scheme(scheme).channel_def),
        ct=knobs.get("intensity") is not None,
        allow_missing=bool(knobs.get("allow_missing")),
        resample_channels=bool(knobs.get("resample_channels")),
        channel_files=knobs.get("channel_files"),
        label_file=knobs.get("label_file"),
    )


def expected_by_set(dataset_dir: Path) -> Expected:
    """Returns what a `dataset.json` or datalist says of its channels and labels; the defaults where it says nothing."""
    listed = read_json(dataset_dir if dataset_dir.is_file() else dataset_dir / "dataset.json")
    channels, labels = listed_channels(listed), listed.get("labels")
    found = Expected()
    if channels:
        found = replace(found, channels=tuple(channels))
    if isinstance(labels, Mapping) and labels:
        found = replace(found, values=_values(labels))
    return found


def asked_for(
    expected: Expected,
    channels: Sequence[str] | None = None,
    scheme: Any = None,
    channel_files: Mapping[str, str] | None = None,
    label_file: str | None = None,
) -> Expected:
    """Returns `expected` with what the command line says instead.

    Raises:
        InputError: there is no such label scheme.
    """
    given: dict[str, Any] = {"channels": tuple(channels) if channels else None, "label_file": label_file}
    given |= {"values": _values(label_scheme(scheme).channel_def) if scheme else None, "channel_files": channel_files}
    return replace(expected, **{name: value for name, value in given.items() if value is not None})


def _values(labels: Mapping[Any, Any]) -> dict[int, str] | None:
    """Returns names by value, None where a value is no whole number."""
    pairs = values_and_names(labels)
    if not all(value.isdigit() for value, _ in pairs):
        return None
    return {0: "background", **{int(value): name for value, name in pairs}}
