"""Names from somebody's files as configs may hold them.

MONAI evaluates a text that begins with `$`, follows `@`, reads files after `%` and turns `#` into a separator. Names of
data sets, channels and labels come from files that nobody has checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

UNSAFE = re.compile(r"[^\w .+()-]+")
"""What is not a letter, a digit, or one of few signs that mean nothing to a config, a path or an expression."""


def plain_name(text: object, otherwise: str = "unnamed") -> str:
    """Returns a name without signs that a config gives a meaning to, `otherwise` where nothing is left of it."""
    cleaned = " ".join(UNSAFE.sub(" ", str(text)).split()).strip(" .-+")
    return cleaned[:60].strip() or otherwise


def plain_names(texts: Iterable[object], otherwise: str) -> list[str]:
    """Returns names as `plain_name` does, each different from the others; `otherwise` gets the name's place."""
    names: list[str] = []
    for place, text in enumerate(texts, start=1):
        name = plain_name(text, f"{otherwise} {place}")
        names.append(name if name not in names else f"{name} {place}")
    return names


def file_name(text: str) -> str:
    """Returns a name of Latin letters, digits and underscores for files and expressions."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower(), flags=re.ASCII).strip("_") or "bundle"
