"""Tables in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .html import Html, Node, tag

SHORT = 15
"""A table of so many lines or fewer is not parted on paper."""


def table(
    caption: str,
    head: Sequence[Node],
    lines: Iterable[Sequence[Node]],
    texts: int = 1,
    groups: Sequence[tuple[str, int]] = (),
) -> Html:
    """Returns a table in a frame that scrolls by itself where it is too wide; the first cell of a line is its head.

    Args:
        caption: what the table holds.
        head: of the columns.
        lines: a cell a column each.
        texts: columns from the left that are texts; those after them are numbers.
        groups: name and number of columns of what stands above the head; "" for none.
    """
    above = [tag("th" if name else "td", name, scope="colgroup" if name else None, colspan=n) for name, n in groups]
    columns = [tag("th", name, scope="col", class_=_kind(index, texts)) for index, name in enumerate(head)]
    body = [tag("tr", (_cell(index, cell, texts) for index, cell in enumerate(line))) for line in lines]
    made = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", above, class_="groups") if above else None, tag("tr", columns)),
        tag("tbody", body),
    )
    return scrolling(made, caption, "scroll short" if len(body) <= SHORT else "scroll")


def scrolling(made: Html, label: str, kind: str) -> Html:
    """Returns a table in a frame that scrolls sideways, and if its kind is long also down; the keyboard can do it."""
    return tag("div", made, class_=kind, tabindex=0, role="region", aria_label=label)


def facts(caption: str, names: Sequence[str], rows: Iterable[tuple[str, Sequence[Node]]]) -> Html:
    """Returns a table with a line a fact and a column an evaluation; lines without any value are left out.

    Args:
        caption: what the table holds.
        names: of the evaluations; a single one gets no head of its own.
        rows: name of a fact and its values.
    """
    kept = [(name, values) for name, values in rows if any(value not in (None, "") for value in values)]
    lines = [[name, *("–" if value in (None, "") else value for value in values)] for name, values in kept]
    return table(caption, ["", *(names if len(names) > 1 else ["value"])], lines, len(names) + 1) if lines else Html()


def _kind(index: int, texts: int) -> str | None:
    return None if index < texts else "number"


def _cell(index: int, cell: Node, texts: int) -> Html:
    return tag("td", cell, class_=_kind(index, texts)) if index else tag("th", cell, scope="row")
