"""What a person asks of a phantom data set."""

from dataclasses import asdict, dataclass

from segpeft.data.phantoms.case import Shape
from segpeft.errors import InputError

LAYOUTS = ("msd", "series", "kits")


@dataclass(frozen=True)
class Settings:
    """Which cases to write and how; recorded beside them, so that one folder never holds two generations.

    Args:
        cases: number of cases, at least 1.
        shape: voxels along x, y and z; None: what the phantom has on its own.
        seed: seed of the data set, at least 0.
        start: index of the first case, from 0; case i does not depend on it, and its file is numbered i + 1.
        labelled: whether to write labels too.
        layout: "msd" (one 4D file a case), "series" (a folder a case, one volume a channel) or "kits" (a folder a case,
            as KiTS19 is distributed).
        dicom: write the channels of layout "series" as DICOM series instead of NIfTI files.

    Raises:
        InputError: if a value is out of its range.
    """

    cases: int
    shape: Shape | None = None
    seed: int = 0
    start: int = 0
    labelled: bool = True
    layout: str = "msd"
    dicom: bool = False

    def __post_init__(self) -> None:
        for name, lowest in (("cases", 1), ("seed", 0), ("start", 0)):
            if getattr(self, name) < lowest:
                raise InputError(f"{name} {getattr(self, name)}: must be at least {lowest}")
        if self.layout not in LAYOUTS:
            raise InputError(f"layout {self.layout}: must be one of {', '.join(LAYOUTS)}")
        if self.dicom and self.layout != "series":
            raise InputError(f"layout {self.layout}: cannot hold DICOM; expected layout series")

    def record(self) -> dict[str, object]:
        """Returns the settings as JSON values; the layout is left out as the name of the record tells it."""
        values = {name: value for name, value in asdict(self).items() if name not in ("layout", "dicom")}
        values["shape"] = None if self.shape is None else list(self.shape)
        return {**values, "dicom": self.dicom} if self.layout == "series" else values
