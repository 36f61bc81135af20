"""Configs as a person would write them: short lists on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

FLAT = re.compile(r"\[\s+([^][{}]*?)\s+\]")
"""A list of numbers and texts, spread over lines by `json`; texts with brackets in them stay as they are."""

LONGEST = 90


def config_text(config: Mapping[str, Any]) -> str:
    """Returns a config as JSON with four spaces, readable by every encoding, lists of values on a line of their own."""
    return FLAT.sub(_joined, json.dumps(config, indent=4)) + "\n"


def _joined(found: re.Match[str]) -> str:
    line = "[" + re.sub(r",\n +", ", ", found[1]) + "]"
    return line if len(line) <= LONGEST else found[0]
