"""Which volume of a case folder is which channel, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segpeft.data.naming import ANNOTATION, stem

NOT_A_CHANNEL = re.compile(rf"({ANNOTATION}|rois?|tumou?rs?|reader\d+)(?![a-z])", re.IGNORECASE)
"""What says, behind a channel's name, that a volume was drawn on the channel."""


def volumes_of_channels(names: Sequence[str], channels: Sequence[str], label: str) -> dict[str, list[str]]:
    """Returns for each channel the volumes that fit it best: its own, or else `T2_...` and `T2-...`, or else `T2...`.

    A volume that begins like two channels (`T1gd.nii.gz` like T1 and T1gd) is of the one with the longer name alone.

    Args:
        names: of the volumes in one folder.
        channels: names of the channels, of any case.
        label: name of the label, which is no channel's, however it begins.
    """
    owned: dict[str, list[str]] = {channel: [] for channel in channels}
    for name in names:
        claims = [channel for channel in channels if name != label and _begins_like(name, channel)]
        if claims:
            owned[max(claims, key=len)].append(name)
    return {channel: _best(found, channel) for channel, found in owned.items()}


def _begins_like(name: str, channel: str) -> bool:
    begin, rest = stem(name)[: len(channel)], stem(name)[len(channel) :]
    return begin.lower() == channel.lower() and not NOT_A_CHANNEL.search(rest)


def _best(names: Sequence[str], channel: str) -> list[str]:
    for rest in ("", "[^a-z0-9].*", ".*"):
        found = [name for name in names if re.fullmatch(rest, stem(name)[len(channel) :], re.IGNORECASE)]
        if found:
            return found
    return []
