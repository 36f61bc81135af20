"""Python programs whose output goes to a log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_logged(arguments: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str] | None = None) -> int:
    """Runs ``python <arguments>`` and returns its exit status, negative for the signal that ended it.

    The program is tethered (:mod:`segpeft.bundle.tethered`): it ends with this process.

    Args:
        arguments: ``-m``, a module, and what it is given.
        folder: where it runs.
        log: the file that its output replaces; missing folders are made.
        environment: variables to set beside those of this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "segpeft.bundle.tethered", *arguments]
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        return process.wait()


def last_line(log: Path) -> str:
    """Returns the last line of a log that is not empty."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "no output")
