"""The git revision of code and configs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SECONDS = 10
"""How long git may take: a file system far away shall not hold a training up."""


def revision_of(files: Iterable[Path]) -> dict[str, Any] | None:
    """Returns ``{"revision": hash, "dirty": bool}`` of the repository that tracks the first tracked one of ``files``.

    Dirty means that a tracked file of the repository differs from the revision. None: git tracks no file of them, as
    with an installed package in an environment, or git itself is missing.
    """
    for file in files:
        if _git(file, "ls-files", "--error-unmatch", file.name) is None:
            continue
        revision = _git(file, "rev-parse", "HEAD")
        changes = _git(file, "status", "--porcelain", "--untracked-files=no")
        if revision:
            return {"revision": revision, "dirty": changes != ""}
    return None


def _git(file: Path, *arguments: str) -> str | None:
    """Returns what git prints in the folder of ``file``, None where it fails."""
    command = ["git", "-C", str(file.parent), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
