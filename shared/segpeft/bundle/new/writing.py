"""A folder that is written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segpeft.errors import InputError

KEPT = ("models", "eval", "cache")
"""What trainings have left in a bundle: it stays when the bundle is made anew."""


@contextmanager
def new_folder(out: Path, force: bool) -> Iterator[Path]:
    """Yields a folder beside `out` that becomes `out` at the end, or is removed after an error.

    Args:
        out: where the bundle shall be.
        force: replace what is there; models, results and caches are kept.

    Raises:
        InputError: something is there and `force` is off, or it is no bundle.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not force:
            raise InputError(f"{out}: is there already; --force replaces its configs and docs")
        if not (out / "configs" / "train.json").is_file():
            raise InputError(f"{out}: is no bundle; --force replaces none but bundles")
    partial = out.with_name(f".partial-{os.getpid()}-{out.name}")
    try:
        partial.mkdir(parents=True)
        yield partial
        _replace(out, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _replace(out: Path, partial: Path) -> None:
    if not out.exists():
        os.replace(partial, out)
        return
    for name in KEPT:
        if (out / name).exists():
            os.replace(out / name, partial / name)
    old = out.with_name(f".old-{os.getpid()}-{out.name}")
    os.replace(out, old)
    os.replace(partial, out)
    shutil.rmtree(old)
