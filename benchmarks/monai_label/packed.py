"""Packed bundles for a server that has no segpeft."""

from __future__ import annotations

import shutil
from pathlib import Path

from segpeft.bundle.archive import unzip
from segpeft.bundle.pack import Weights, pack


def packed_form(bundle: Path, work: Path, version: str = "") -> Path:
    """Returns the folder of a trained bundle that was packed and unpacked.

    Args:
        bundle: with ``models/model.pt``.
        work: for the zip and the folder.
        version: of the segpeft that it says to carry; "" leaves the true one.
    """
    made = pack(bundle, work / "packed", Weights(), {})
    shutil.rmtree(work / "packed" / bundle.name, ignore_errors=True)
    folder = unzip(made.archive, work / "packed")
    if version:
        code = folder / "scripts" / "segpeft" / "__init__.py"
        code.write_text(code.read_text(encoding="utf-8") + f'__version__ = "{version}"\n', encoding="utf-8")
    return folder


def hiding_folder(folder: Path) -> Path:
    """Returns a folder that, first on Python's path, makes an installed segpeft one that can't be imported."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "segpeft.py").write_text('raise ImportError("segpeft is hidden: a packed bundle does without")\n')
    return folder
