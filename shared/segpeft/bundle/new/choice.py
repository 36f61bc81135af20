"""A knob's value, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segpeft.markdown import markdown_table


@dataclass(frozen=True)
class Choice:
    """One line of what was chosen.

    Args:
        knob: its name in the configs.
        value: as the configs will hold it.
        why: one sentence for a person.
    """

    knob: str
    value: Any
    why: str


def knobs_of(choices: Sequence[Choice]) -> dict[str, Any]:
    """Returns the values by name."""
    return {choice.knob: choice.value for choice in choices}


def choices_table(choices: Sequence[Choice]) -> str:
    """Returns the choices as a table in Markdown."""
    lines = [[f"`{c.knob}`", f"`{_cell(c.value)}`", c.why.replace("|", "/")] for c in choices]
    return markdown_table(["knob", "value", "why"], lines)


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("|", "/").replace("`", "'")
