"""One published figure and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A published parameter count beside the computed one.

    Args:
        table: where the figure was published.
        row: what it counts.
        published: the figure in millions, as printed; None where nothing was.
        digits: decimals printed.
        computed: parameters of the real modules, as the package builds them.
        differences: what lies between our default and the published recipe: what it is -> parameters that the recipe
            has more than ours.
        remark: what a reader must know about the published figure.
    """

    table: str
    row: str
    published: float | None
    digits: int
    computed: int
    differences: tuple[tuple[str, int], ...] = ()
    remark: str = ""

    @property
    def as_published(self) -> int:
        """Ours with the declared differences applied."""
        return self.computed + sum(count for _, count in self.differences)

    @property
    def match(self) -> bool | None:
        """Whether that gives the published figure, rounded or cut to the printed digits; None if there is none."""
        if self.published is None:
            return None
        unit = 10 ** (6 - self.digits)
        printed = round(self.published * 1e6 / unit)
        return printed in (self.as_published // unit, round(self.as_published / unit))

    @property
    def verdict(self) -> str:
        """``equal``, by how much it is off, or that there is nothing to compare with."""
        if self.published is None:
            return "not published"
        return "equal" if self.match else f"off by {self.as_published / 1e6 - self.published:+.3f} M"
