"""Safetensors: files that depend on their content only, and the same as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save, save_file
from torch import Tensor

from segpeft.atomic_files import replacing
from segpeft.errors import InputError

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


def tensor_bytes(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> bytes:
    """Returns what a safetensors file of these tensors and this header holds."""
    return save(dict(tensors), metadata=dict(header))


def read_tensor_bytes(content: bytes, source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Returns tensors and header of what :func:`tensor_bytes` made.

    Raises:
        InputError: it is none, or damaged; ``source`` begins the message.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise InputError(f"{source}: not readable as safetensors ({error})") from error
    length = int.from_bytes(content[:LENGTH], "little")
    return tensors, json.loads(content[LENGTH : LENGTH + length]).get("__metadata__", {})
