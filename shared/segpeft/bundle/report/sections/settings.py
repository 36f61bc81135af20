"""How the runs were started: knobs, versions, machine, data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..content import Content
from ..html import Html, joined, tag
from ..record import Record
from ..tables import facts
from .section import Section

LONGEST = 160
"""Letters of a knob's value; what is longer is no knob that a person turns, and is in the whole configuration."""


def settings(content: Content) -> Section:
    """Returns the knobs (of several evaluations first those that differ), where and with what they ran, and configs."""
    records = [evaluation.record for evaluation in content.evaluations]
    knobs = [knobs_of(record.config) for record in records]
    names = list(dict.fromkeys(name for found in knobs for name in found))
    rows = [(name, [found.get(name) for found in knobs]) for name in names]
    differing = [row for row in rows if content.several and len(set(row[1])) > 1]
    alike = [row for row in rows if row not in differing]
    title = "Knobs that are alike" if content.several else "Knobs"
    body = [
        facts("Knobs that differ", content.names, differing),
        facts("Run", content.names, _run_rows(records)),
        facts(title, content.names[:1] if content.several else content.names, [(n, v[:1]) for n, v in alike]),
        *(_whole(content, name, record) for name, record in zip(content.names, records, strict=True)),
    ]
    return Section("settings", "Configuration and versions", joined([part for part in body if part]))


def knobs_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the knobs of a config as text: what is short and holds no expression."""
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in config.items()}
    short = {name: text for name, text in written.items() if len(text) <= LONGEST and not name.startswith("_")}
    return {name: text for name, text in short.items() if '"@' not in text and '"$' not in text and '"%' not in text}


def _run_rows(records: list[Record]) -> list[tuple[str, list[str]]]:
    rows = [
        (name, [record.text(name) for record in records]) for name in ("bundle", "bundle_version", "started", "seed")
    ]
    for group in ("versions", "machine"):
        names = list(dict.fromkeys(name for record in records for name in record.mapping(group)))
        rows += [(name, [_text(record.mapping(group).get(name)) for record in records]) for name in names]
    rows.append(("git revision", [_revision(record.mapping("git")) for record in records]))
    rows.append(("data (sha256 of the list)", [_text(record.mapping("data").get("sha256")) for record in records]))
    rows.append(("command", [_command(record.content.get("command")) for record in records]))
    rows.append(("directory", [record.text("directory") for record in records]))
    unique: dict[str, list[str]] = {}
    for name, values in rows:  # a machine names some versions again
        unique.setdefault(name, values)
    return list(unique.items())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _revision(git: Mapping[str, Any]) -> str:
    revision = _text(git.get("revision"))
    return f"{revision} with changes" if revision and git.get("dirty") else revision


def _command(command: Any) -> str:
    return " ".join(map(str, command)) if isinstance(command, list) else _text(command)


def _whole(content: Content, name: str, record: Record) -> Html:
    if not record.config:
        return Html()
    title = f"Whole configuration of {name}" if content.several else "Whole configuration"
    text = json.dumps(record.config, indent=2, ensure_ascii=False)
    return tag("details", tag("summary", title), tag("pre", text, tabindex=0))
