"""A description of transforms that is equal exactly when they would do the same, in any process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from monai.data.image_reader import ImageReader


def describe(value: Any, _inside: frozenset[int] = frozenset()) -> Any:
    """Returns `value` as plain JSON: an object becomes its class and its attributes, a function its name.

    Addresses, random states and order of insertion stay out of it; pickles and `repr` would let them in.

    Args:
        value: a transform, or anything that one holds as an attribute.
        _inside: ids of the objects being described, to end cycles.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (torch.Tensor, np.ndarray)):
        array = np.ascontiguousarray(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value)
        return [str(array.dtype), list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    if isinstance(value, (np.generic, torch.dtype, np.dtype, torch.device, PurePath, range, slice, bytes)):
        return str(value)
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if id(value) in _inside:
        return "cycle"
    return _describe_structure(value, _inside | {id(value)})


def _describe_structure(value: Any, inside: frozenset[int]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): describe(value[key], inside) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [describe(item, inside) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((describe(item, inside) for item in value), key=str)
    if hasattr(value, "__qualname__"):  # a class or a function
        return f"{value.__module__}.{value.__qualname__}"
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, (ImageReader, np.random.RandomState, np.random.Generator, torch.Generator)):
        return name
    attributes = getattr(value, "__dict__", None)
    return {name: describe(attributes, inside)} if attributes else name


def digest(value: Any) -> str:
    """Returns the first 12 hex digits of the SHA-256 of `describe(value)`."""
    text = json.dumps(describe(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
