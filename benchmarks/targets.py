"""What a measured number has to reach."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """A bound on a number.

    Args:
        name: what is compared with what.
        value: measured.
        bound: to reach.
        at_least: whether the bound is a lower one.
    """

    name: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tells whether the bound is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def describe(self) -> dict[str, Any]:
        """Returns what stands in the results."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Section:
    """What one benchmark found.

    Args:
        title: heading of its table.
        note: how it was measured.
        rows: of the table, each with the same columns.
        targets: what they have to reach.
    """

    title: str
    note: str
    rows: list[dict[str, Any]]
    targets: list[Target]

    def describe(self) -> dict[str, Any]:
        """Returns what stands in the results."""
        targets = [target.describe() for target in self.targets]
        return {"title": self.title, "note": self.note, "rows": self.rows, "targets": targets}
