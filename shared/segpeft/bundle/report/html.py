"""HTML and SVG that escape whatever they are given: only what :func:`tag` made is markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "br", "hr", "image", "use", "path", "rect", "line", "circle", "polygon", "polyline"})
"""Elements written without content."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Node: TypeAlias = "str | int | float | None | Iterable[Node]"


def tag(name: str, *children: Node, **attributes: str | int | float | bool | None) -> Html:
    """Returns an element.

    Args:
        name: of the element.
        children: markup from this function, anything else as text, or iterables of both; None is nothing.
        attributes: by name; ``_`` stands for ``-`` and a trailing one is dropped (``class_``); True writes the name
            alone, None and False nothing, numbers at most two decimals.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Node) -> Html:
    """Returns markup of a text, an element, or a sequence of them."""
    if children is None:
        return Html()
    if isinstance(children, Html):
        return children
    if isinstance(children, (str, int, float)):
        return Html(escape(str(children)))
    return Html("".join(joined(child) for child in children))


def number(value: float) -> str:
    """Returns a length or coordinate with at most two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = number(value) if isinstance(value, float) else escape(str(value))
    return f' {name}="{text}"'
