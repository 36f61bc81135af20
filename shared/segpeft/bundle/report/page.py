"""The page: head, contents and sections in one file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import segpeft

from .colours import colour_rules
from .content import Content
from .html import Html, tag
from .notes import notes
from .sections.cases import cases
from .sections.cost import cost
from .sections.differences import differences
from .sections.reading import reading
from .sections.scores import scores
from .sections.section import Section
from .sections.settings import settings
from .sections.slices import slices
from .sections.training import training

SECTIONS = (scores, differences, slices, training, cost, cases, settings, reading)


def page(content: Content) -> str:
    """Returns the page; the same content gives the same text."""
    sections = [section for make in SECTIONS if (section := make(content)).body]
    body = tag("body", _header(content), _contents(sections), tag("main", [s.html() for s in sections]), _footer())
    return f"<!DOCTYPE html>\n{tag('html', _head(content), Html(body), lang='en')}\n"


def _head(content: Content) -> Html:
    style = _own("page.css") + colour_rules(len(content.regions))
    script = _own("sort.js")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}"/>'),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", f"{_title(content)} – segpeft"),
        Html(f"<style>{style}</style>"),
        Html(f"<script>{script}</script>"),
    )


def _policy(style: str, script: str) -> str:
    """Returns a policy that allows this style, this script and pictures in the page, and nothing from elsewhere."""
    allowed = f"style-src {_digest(style)}; script-src {_digest(script)}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _own(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _title(content: Content) -> str:
    if content.several:
        return " vs ".join(content.names)
    return content.evaluations[0].record.text("bundle") or content.names[0]


def _header(content: Content) -> Html:
    record = content.evaluations[0].record
    bundles = list(dict.fromkeys(filter(None, (one.record.text("bundle") for one in content.evaluations))))
    count = len({case for one in content.evaluations for case in one.cases})
    facts = [
        ", ".join(bundles) if content.several else content.names[0] if bundles else "",
        f"{count} case{'s' if count > 1 else ''}",
        f"regions: {', '.join(content.evaluations[0].regions)}",
        f"evaluated {record.text('started')[:10]}" if record.text("started") and not content.several else "",
    ]
    what = "Comparison of evaluations" if content.several else "Evaluation"
    warned = notes(content)
    return tag(
        "header",
        tag("p", what, class_="kind"),
        tag("h1", _title(content)),
        tag("p", " · ".join(filter(None, facts)), class_="facts"),
        tag("ul", [tag("li", line) for line in warned], class_="notes") if warned else None,
    )


def _contents(sections: list[Section]) -> Html:
    links = [tag("li", tag("a", section.title, href=f"#{section.name}")) for section in sections]
    return tag("nav", tag("ul", links), aria_label="Contents")


def _footer() -> Html:
    said = f"Written by segpeft {segpeft.__version__}. Research use only: not a medical device."
    return tag("footer", tag("p", said))
