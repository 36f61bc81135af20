"""One colour and one dash a region, on the whole page."""

from __future__ import annotations

from segpeft.engines.pictures import COLOURS

ORDER = (5, 1, 4, 3, 2, 0)
"""The bright ones first: outlines lie on dark pictures."""
DASHES = ("6 3", "9 3 2 3", "2.5 2.5", "12 4", "5 2 1 2", "1.5 3")


def colour_rules(regions: int) -> str:
    """Returns the style sheet's lines for regions ``.r0``, ``.r1``, ...; after six they begin anew."""
    lines = []
    for index in range(regions):
        place = index % len(ORDER)
        colour = "#" + "".join(f"{part:02x}" for part in COLOURS[ORDER[place]])
        lines.append(f".r{index}{{--region:{colour};--dash:{DASHES[place]}}}")
    return "\n".join(lines)
