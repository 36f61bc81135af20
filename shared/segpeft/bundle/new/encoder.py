"""The encoder: read off a file of weights, or one small enough to be pre-trained on the data set's own images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segpeft.errors import InputError
from segpeft.networks.factories import ENCODER, SLICE_ENCODERS
from segpeft.networks.pretrained.settings import settings_of_file
from segpeft.networks.pretrained.sources import encoder_in
from segpeft.networks.pretrained.weight_file import read_weights

from .choice import Choice
from .scale import Scale

PATCHES = (4, 8, 16)
WIDTH_OF_A_HEAD = 64
"""Of every published ViT: the heads of a file that does not say how many there are."""


def own_encoder(scale: Scale, flat: bool, size: Sequence[float], spacing: Sequence[float]) -> Choice:
    """Returns an encoder to be pre-trained on the images at hand.

    Args:
        scale: says how large.
        flat: it sees slices.
        size: of the median image in voxels, cut to what a window may hold.
        spacing: in mm; an axis of longer voxels gets a shorter patch.
    """
    sides = next(
        (sides for sides in map(_patches(spacing, size, flat), PATCHES) if _tokens(sides, size) <= scale.tokens), None
    )
    sides = sides or _patches(spacing, size, flat)(PATCHES[-1])
    value: dict[str, Any] = {"kind": "vit"} if flat else {}
    value |= {
        "patch_size": sides,
        "hidden_size": scale.hidden_size,
        "mlp_dim": scale.hidden_size * 2,
        "num_layers": scale.num_layers,
        "num_heads": scale.num_heads,
        "qkv_bias": flat,
        **({"norm_eps": 1e-6} if flat else {}),  # what each template's network takes if nothing is said
    }
    why = (
        f"no --pretrained_encoder: a small one for {scale.name}, to be pre-trained on these images; finest patch of "
        f"{', '.join(map(str, PATCHES))} that makes at most {scale.tokens} tokens of a window"
    )
    return Choice("encoder", value, why)


def _patches(spacing: Sequence[float], size: Sequence[float], flat: bool) -> Any:
    """Returns a function from a patch's largest side to its sides: powers of two, shorter where voxels are longer."""
    finest = min(spacing)

    def sides(largest: int) -> list[int]:
        found = []
        for step, length in zip(spacing, size, strict=True):
            side = largest >> int(math.log2(step / finest) + 1e-6)
            while side > 1 and side * 2 > length:
                side //= 2
            found.append(max(side, 1))
        return [min(found[:2])] * 2 if flat else found

    return sides


def _tokens(sides: Sequence[int], size: Sequence[float]) -> int:
    return math.prod(math.ceil(length / side) for side, length in zip(sides, size, strict=False))


def encoder_of_file(path: Path, flat: bool) -> Choice:
    """Returns the settings of an encoder as its file tells them.

    Raises:
        InputError: the file cannot be read, or its encoder is no ViT of slices (`flat`) or volumes.
    """
    source, encoder = encoder_in(read_weights(path))
    told = settings_of_file(encoder)
    if (
        told.get("kind") != "vit"
        or "patch_size" not in told
        or told["hidden_size"] % WIDTH_OF_A_HEAD
        and "num_heads" not in told
    ):
        raise InputError(
            f"{path}: a {told.get('kind')} of {source.NAME}; expected a ViT whose patch and heads are known"
        )
    told.setdefault("num_heads", told["hidden_size"] // WIDTH_OF_A_HEAD)
    patch = list(told["patch_size"])
    if flat and len(patch) != 2:
        raise InputError(f"{path}: an encoder of volumes; method med_tuning needs one of slices (2D patches)")
    told["patch_size"] = patch if flat or len(patch) == 3 else [*patch, patch[0]]
    known = SLICE_ENCODERS["vit"] if flat else (*ENCODER, "norm_eps")
    value = {name: told[name] for name in known if name in told and told[name] is not None}
    value = {name: v for name, v in value.items() if name not in ("pre_norm", "activation") or v not in (False, "gelu")}
    return Choice("encoder", {"kind": "vit", **value} if flat else value, f"as {path.name} has it ({source.NAME})")
