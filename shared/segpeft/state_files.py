"""State dicts in files, or in one line what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segpeft.errors import InputError, reason_of


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """Returns what ``torch.save`` wrote to ``path``, on the CPU, with ``weights_only=True``.

    Raises:
        InputError: if the file is missing or damaged, or holds more than tensors and plain values.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file, expected weights written by training")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a damaged file
        raise InputError(f"{path}: not a readable weights file ({reason_of(error)[:120]})") from error


def load_state_strictly(network: nn.Module, state: Any, path: str | os.PathLike[str]) -> None:
    """Copies ``state`` into ``network``; keys and shapes must all agree.

    Raises:
        InputError: naming ``path`` and the first key that differs.
    """
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict, expected tensors by name")
    expected = network.state_dict()
    shapes = [key for key in expected if key in state and state[key].shape != expected[key].shape]
    if shapes:
        found, wanted = tuple(state[shapes[0]].shape), tuple(expected[shapes[0]].shape)
        raise InputError(
            f"{path}: {shapes[0]} is {found} in the file, {wanted} in the network ({len(shapes)} shapes differ): "
            "expected the same rank, channels, image size and base"
        )
    missing, extra = [key for key in expected if key not in state], [key for key in state if key not in expected]
    if missing or extra:
        first = f"lacks {missing[0]}" if missing else f"has the unknown {extra[0]}"
        counts = f"{len(missing)} missing, {len(extra)} unexpected keys"
        raise InputError(f"{path}: {first} ({counts}): expected weights of the same network and method")
    network.load_state_dict(state)
