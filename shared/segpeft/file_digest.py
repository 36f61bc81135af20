"""The digest of a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
