"""Names in a config that nothing reads: MONAI adds what it does not know, and goes on."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

REFERENCE = re.compile(r"[@%]([A-Za-z_]\w*)")
READ_BY_RUNNER = {"imports", "bundle_root", "initialize", "finalize", "run", "device", "_desc_", "_comment_"}
"""Entries that need no reference: MONAI's runner reads them, or a person does."""


def plain_name(name: str) -> str:
    """Returns the name of the entry that a change is made to, without merging signs and the path inside."""
    return name.lstrip("+~").partition("#")[0]


def unread(names: Iterable[str], known: set[str], config: Mapping[str, Any]) -> list[str]:
    """Returns the names that are not known, that no runner reads, and to which nothing in the config refers.

    Args:
        names: of entries, or of changes to them.
        known: names in the files of the bundle.
        config: with the entries.
    """
    used = known | READ_BY_RUNNER | set(REFERENCE.findall(json.dumps(dict(config))))
    return [name for name in dict.fromkeys(map(plain_name, names)) if name not in used]


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a question for the known name that is most like ``name``, "" where none is."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""
