"""Which file in case folders is a channel, and which the label, by names that the folders have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from segpeft.data.layouts import LABEL
from segpeft.data.naming import ANNOTATION, stem
from segpeft.errors import InputError

DRAWN = re.compile(rf"(^|[^a-z]){ANNOTATION}($|[^a-z])", re.IGNORECASE)

COMMON = 0.5
"""A channel is in at least this share of the folders; a case may lack it."""


@dataclass(frozen=True)
class Roles:
    """Names in case folders.

    Args:
        channels: what the channels' files or folders are called, without endings.
        label: name of the label's file.
    """

    channels: tuple[str, ...]
    label: str


def roles_of(folders: Sequence[Sequence[str]], channels: Sequence[str], label_file: str | None) -> Roles | None:
    """Returns what is a channel and what the label, None where the folders have no such names in common.

    Args:
        folders: names of the volumes in each.
        channels: their names, if they are known.
        label_file: the label's name, if it is known.

    Raises:
        InputError: several files may be the label.
    """
    counts = Counter(name for names in folders for name in names)
    common = [name for name in counts if counts[name] >= max(2, COMMON * len(folders))] if len(folders) > 1 else []
    drawn = [name for name in common if DRAWN.search(stem(name))]
    label = label_file or (LABEL if LABEL in drawn else drawn[0] if len(drawn) == 1 else None)
    if label is None and drawn:
        raise InputError(f"{', '.join(sorted(drawn))} may each be the label; expected --label_file with one of them")
    scans = [stem(name) for name in common if name not in drawn and name != label]
    names = tuple(channels) or tuple(sorted(scans))
    return Roles(names, label) if label is not None and label in counts and names else None
