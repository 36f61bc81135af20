"""Safetensors files that depend on their content only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from segpeft.atomic_files import replacing

LENGTH = 8
"""Bytes at the beginning of a file that give the length of its header."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Writes tensors by name, and text by name; the file is replaced atomically, its bytes those of the last time.

    ``safetensors`` orders the text anew in every process; here it is sorted.
    """
    with replacing(path) as partial:
        save_file(dict(tensors), partial, metadata=dict(header))
        with partial.open("r+b") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
            content = json.loads(file.read(length))
            content["__metadata__"] = dict(sorted(content["__metadata__"].items()))
            text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
            if len(text) == length:  # else safetensors writes JSON in another way than it does today
                file.seek(LENGTH)
                file.write(text)
