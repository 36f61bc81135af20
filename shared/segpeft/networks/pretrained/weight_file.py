"""Reading a file of weights, whatever it is packed in."""

from __future__ import annotations

import argparse
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from segpeft.errors import InputError, reason_of


@dataclass(frozen=True)
class WeightFile:
    """The tensors of a file.

    Args:
        path: where they come from, for messages.
        tensors: by the file's own names; a leading ``module.`` of distributed training is taken off.
        container: what they are packed in, with the entry of the dictionary that they stand under.
        header: the texts of a safetensors header.
    """

    path: str
    tensors: dict[str, Tensor]
    container: str
    header: dict[str, str] = field(default_factory=dict)


def read_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Reads ``.safetensors``, ``.npz``, a TorchScript archive, or what ``torch.save`` wrote.

    The last is opened weights-only and an ``.npz`` without pickle, so neither can run code. A TorchScript archive is a
    program; it is taken for one only if it holds code, and should come from somewhere you trust.

    Raises:
        InputError: if the file is missing, damaged, or holds anything but tensors.
    """
    try:
        tensors, container, header = _read(Path(path))
    except InputError:
        raise
    except Exception as error:  # torch, numpy and zipfile raise nearly anything for a damaged file
        raise InputError(f"{path}: not a readable weight file ({reason_of(error)[:120]})") from error
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(f"{path}: expected a state dict of tensors, possibly under 'state_dict' or 'model'")
    return WeightFile(
        str(path), {key.removeprefix("module."): value for key, value in tensors.items()}, container, header
    )


def _read(path: Path) -> tuple[dict[str, Tensor], str, dict[str, str]]:
    """Returns tensors, container and header of a file, told apart by what is inside."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, "safetensors", file.metadata() or {}  # noqa: SIM118
    members: list[str] = []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    if any(name.endswith(".npy") for name in members):
        with np.load(path, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}, "npz", {}
    if any(name.endswith("/constants.pkl") for name in members):
        return dict(torch.jit.load(path, map_location="cpu").state_dict()), "TorchScript", {}
    with torch.serialization.safe_globals([argparse.Namespace]):  # MAE's training script keeps its arguments
        content = torch.load(path, map_location="cpu", weights_only=True)
    return *_state_dict(content, path), {}


def _state_dict(content: Any, path: Path) -> tuple[dict[str, Tensor], str]:
    """Returns the state dict inside what ``torch.save`` wrote, and the name of the container."""
    container = "torch"
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content, container = content[key], f"torch ['{key}']"
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a state dict of tensors, possibly under 'state_dict' or 'model'")
    return content, container
