"""A section of the page."""

from __future__ import annotations

from dataclasses import dataclass

from ..html import Html, tag


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading, to which the contents at the top lead.

    Attributes:
        name: its address within the page.
        title: its heading.
        body: what it holds; an empty one is left out.
    """

    name: str
    title: str
    body: Html

    def html(self) -> Html:
        """Returns the section as markup."""
        return tag("section", tag("h2", self.title, id=f"{self.name}-title"), self.body, id=self.name)
