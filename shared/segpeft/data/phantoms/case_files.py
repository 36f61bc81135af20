"""The files of one case, as a layout names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.settings import Settings


@dataclass(frozen=True)
class CaseFiles:
    """One case and where it goes.

    Attributes:
        index: of the case, from 0.
        shown: the path that stands for the case in messages.
        images: one 4D file, or one file or series folder a channel.
        label: None for an unlabelled case.
    """

    index: int
    shown: Path
    images: tuple[Path, ...]
    label: Path | None

    @property
    def done(self) -> bool:
        """Whether all of it is there."""
        return all(path.exists() for path in (*self.images, self.label) if path is not None)


class Layout(Protocol):
    """How a phantom's cases lie in a folder; an object of it travels to worker processes.

    Attributes:
        record: name of the JSON file that describes the data set.
    """

    record: str

    def case_files(self, phantom: Phantom, folder: Path, settings: Settings, index: int) -> CaseFiles:
        """Returns the paths of case `index`."""

    def listing(self, phantom: Phantom, folder: Path, cases: Sequence[CaseFiles]) -> dict[str, object]:
        """Returns what the record says about the cases, beside the settings."""

    def write(self, phantom: Phantom, settings: Settings, files: CaseFiles) -> None:
        """Makes one case and writes its label, then its images."""
