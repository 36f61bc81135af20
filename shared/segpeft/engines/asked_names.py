"""A run that is asked for with a name that nothing reads would be another run than the one that was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS

from segpeft.errors import InputError
from segpeft.knob_names import nearest, plain_name, unread

from .running_config import RunningConfig

REPEATS = "repeats"
"""Item of a config that names the record of the run that this one repeats."""
TRACKING: dict[str, Any] = DEFAULT_MLFLOW_SETTINGS
ADDED = {REPEATS, *TRACKING["configs"]}
"""Entries that ``segpeft.bundle repeat`` adds, and MONAI's tracking."""


def check_asked_names(config: RunningConfig) -> None:
    """Refuses a mistyped knob, such as ``--epoch 3``, which MONAI adds to the config without a word.

    Known are the names in the bundle's own configs, and whatever something in the config refers to. A config that no
    ``monai.bundle`` workflow runs is not looked at: its program may put anything in.

    Raises:
        InputError: there is such a name; the nearest known one is named.
    """
    if config.content is None or not config.workflow_ids:
        return
    files = [file for ending in ("json", "yaml", "yml") for file in (config.folder / "configs").glob(f"*.{ending}")]
    known = {plain_name(name) for file in files for name in _entries(file)}
    for name in unread(config.content, known | ADDED | set(config.workflow_ids), config.content) if known else ():
        raise InputError(f"{name} is no knob of {config.folder.name}, nothing would read it{nearest(name, known)}")


def _entries(file: Path) -> list[str]:
    try:
        return list(ConfigParser.load_config_file(file))
    except Exception:  # a broken overlay that this run does not take is no reason to refuse it
        return []
