"""The sites of a simulation, as a command line names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segpeft.errors import InputError

from .update import SERVER


def sites_of(texts: Sequence[str]) -> dict[str, Path]:
    """Returns the data set of each site by its name.

    Args:
        texts: ``NAME=PATH`` or ``PATH``, a folder or a datalist, whose name without suffix is then the site's.

    Raises:
        InputError: a name is taken, or is no plain word, or a path does not exist.
    """
    sites: dict[str, Path] = {}
    for text in texts:
        name, equals, place = text.partition("=")
        path = Path(place if equals else text).absolute()  # a link is called by its own name
        name = name if equals else path.stem
        if not re.fullmatch(r"[\w-]+", name) or name == SERVER:
            raise InputError(f"sites: {name!r} is no name of a site: expected letters, digits, _ and -, not {SERVER!r}")
        if name in sites:
            raise InputError(f"sites: two are called {name!r}, expected NAME=PATH with names that differ")
        if not path.exists():
            raise InputError(f"sites: {path}: no such folder or datalist")
        sites[name] = path
    return sites


def absences(texts: Sequence[str], sites: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Returns by site the first and the last round, from 1, in which it does not answer; None: until the end.

    Args:
        texts: ``NAME=FIRST`` or ``NAME=FIRST-LAST``.
        sites: their names.

    Raises:
        InputError: no such site, or no such form.
    """
    away: dict[str, tuple[int, int | None]] = {}
    for text in texts:
        found = re.fullmatch(r"([\w-]+)=(\d+)(?:-(\d+))?", text)
        if found is None or found[1] not in sites:
            raise InputError(
                f"absent: {text!r}: expected SITE=FIRST or SITE=FIRST-LAST, of the sites {', '.join(sites)}"
            )
        away[found[1]] = int(found[2]), int(found[3]) if found[3] else None
    return away


def site_knobs(dataset_dir: str | Path, folder: str | Path) -> dict[str, Any]:
    """Returns the knobs that differ between sites: the data, and where a site writes."""
    folder = Path(folder)
    places = {"output_dir": folder, "model_dir": folder / "models", "cache_dir": folder / "cache"}
    return {"dataset_dir": str(dataset_dir), **{knob: str(path) for knob, path in places.items()}}
