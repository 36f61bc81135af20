"""One published figure and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A published parameter count beside the computed one.

    Args:
        table: where the figure was published.
        row: what it counts.
        published: the figure in millions, as printed.
        digits: decimals printed.
        computed: parameters of the real modules, as the package builds them.
        differences: what lies between our default and the published recipe: what it is -> parameters that the recipe
            has more than ours.
        remark: what a reader must know about the published figure.
    """

    table: str
    row: str
    published: float
    digits: int
    computed: int
    differences: tuple[tuple[str, int], ...] = ()
    remark: str = ""

    @property
    def as_published(self) -> int:
        """Ours with the declared differences applied."""
        return self.computed + sum(count for _, count in self.differences)

    @property
    def match(self) -> bool:
        """Whether that gives the published figure, rounded or cut to the printed digits."""
        unit = 10 ** (6 - self.digits)
        printed = round(self.published * 1e6 / unit)
        return printed in (self.as_published // unit, round(self.as_published / unit))
