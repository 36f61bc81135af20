"""An encoder as a file holds it, under MONAI's names; and the renaming that sources share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from segpeft.errors import InputError

POSITION = "patch_embedding.position_embeddings"
UNUSED_NORMS = r"blocks\.\d+\.norm_cross_attn\..*"
"""What MONAI's ViT registers and never uses."""
VIT_PATCHES = "patch_embedding.patch_embeddings.weight"
SWIN_PATCHES = "patch_embed.proj.weight"

Rules = Sequence[tuple[str, str]]
"""Pairs of a regular expression for a whole name and its replacement; the first that fits counts."""


@dataclass
class Encoder:
    """What a source makes of a file.

    Args:
        tensors: under the names of MONAI's ViT or SwinTransformer. A tensor of the encoder that no rule knows keeps its
            name: it finds no place in a backbone, and loading refuses.
        origins: name here -> names in the file.
        changes: name here -> what was done to the values, where something was.
        settings: what tensors do not show (``norm_eps``, ``activation``, ``num_heads``), as far as the source knows.
        grid: token grid of the position embedding, None if the file does not say.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    grid: list[int] | None = None

    def put(self, name: str, value: Tensor, origins: Iterable[str], change: str | None = None) -> None:
        """Adds a tensor, or replaces it."""
        self.tensors[name], self.origins[name] = value, tuple(origins)
        if change:
            self.changes[name] = change

    def under(self, prefix: str) -> Encoder:
        """Returns the encoder with ``prefix`` in front of the names in the file, which had been taken off."""
        self.origins = {name: tuple(prefix + old for old in names) for name, names in self.origins.items()}
        return self


def told(header: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Returns those of the settings ``names`` that a header, whose values are JSON, says."""
    return {name: json.loads(header[name]) for name in names if name in header}


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns the tensors whose names begin with ``prefix``, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def rename(tensors: Mapping[str, Tensor], rules: Rules, dropped: Sequence[str] = ()) -> Encoder:
    """Returns the encoder with names changed by ``rules`` and without what matches an expression of ``dropped``."""
    encoder = Encoder()
    for key, value in tensors.items():
        if any(re.fullmatch(pattern, key) for pattern in dropped):
            continue
        found = ((match, new) for old, new in rules if (match := re.fullmatch(old, key)))
        match, new = next(found, (None, key))
        encoder.put(match.expand(new) if match else key, value, (key,))
    return encoder


def kind_of(tensors: Mapping[str, Tensor]) -> str | None:
    """Returns ``"vit"`` or ``"swin"`` by a name that only one of MONAI's two has, None if there is neither."""
    return "vit" if POSITION in tensors else "swin" if SWIN_PATCHES in tensors else None


def without_class_tokens(encoder: Encoder, path: str) -> None:
    """Brings the position embedding to (1, N, C) of a square grid and notes the grid.

    Accepts (1, h, w, C), (N, C), and (1, N, C) with entries of class tokens in front.

    Raises:
        InputError: if there is no square grid in it.
    """
    embedding = encoder.tensors.get(POSITION)
    if embedding is None:
        return
    if embedding.ndim == 4:
        encoder.grid = list(embedding.shape[1:3])
        encoder.put(POSITION, embedding.flatten(1, 2), encoder.origins[POSITION])
        return
    embedding = embedding.reshape(1, -1, embedding.shape[-1])
    tokens = embedding.shape[1]
    extra = next((extra for extra in range(3) if math.isqrt(tokens - extra) ** 2 == tokens - extra), None)
    if extra is None:
        raise InputError(f"{path}: {encoder.origins[POSITION][0]} has {tokens} tokens, expected a square grid of them")
    encoder.grid = [math.isqrt(tokens - extra)] * 2
    change = f"{extra} class token(s) dropped" if extra else None
    encoder.put(POSITION, embedding[:, extra:], encoder.origins[POSITION], change)


def start_as_identity(encoder: Encoder, norm: str, width: int, source: str) -> None:
    """Gives the encoder a norm that its source does not have, with scale 1 and shift 0."""
    change = f"{source} has none: scale 1, shift 0"
    encoder.put(f"{norm}.weight", torch.ones(width), (), change)
    encoder.put(f"{norm}.bias", torch.zeros(width), (), change)
