"""A phantom data set written for a test, as the bytes of its files."""

from dataclasses import replace
from pathlib import Path

from segpeft.data.phantoms.brain import PHANTOM as BRAIN
from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.settings import Settings

TINY = (24, 24, 24)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, phantom: Phantom = BRAIN, **changes: object) -> dict[str, bytes]:
    settings = replace(Settings(cases=2, shape=TINY), **changes)
    list(write_dataset(phantom, folder, settings))
    return files_of(folder)
