"""The known sources of weights, and which of them a file is from."""

from __future__ import annotations

from typing import Protocol

from segpeft.errors import InputError, reason_of

from . import clip, google_vit, mae, moco_v3, monai_mae, monai_swin, monai_vit, sam, swin, timm_vit
from .encoder import Encoder
from .weight_file import WeightFile


class Source(Protocol):
    """What the file of a source offers: a module of this folder.

    ``NAME`` stands in messages, ``LICENCE`` is what is known of the weights' licence.
    """

    NAME: str
    LICENCE: str

    def matches(self, file: WeightFile) -> bool:
        """Tells whether the file is of this source, by its names."""

    def convert(self, file: WeightFile) -> Encoder:
        """Returns the encoder in the file under MONAI's names."""


SOURCES: tuple[Source, ...] = (
    monai_mae,
    monai_vit,
    monai_swin,
    sam,
    moco_v3,
    clip,
    google_vit,
    mae,
    timm_vit,
    swin,
)
"""Tried in order: MAE and SAM share timm's names and come before it."""


def source_of(file: WeightFile) -> Source:
    """Returns the source of a file.

    Raises:
        InputError: if it is of none.
    """
    for source in SOURCES:
        if source.matches(file):
            return source
    known = ", ".join(source.NAME for source in SOURCES)
    raise InputError(f"{file.path}: no known source of encoder weights (known: {known})")


def encoder_in(file: WeightFile) -> tuple[Source, Encoder]:
    """Returns the source of a file and the encoder in it.

    Raises:
        InputError: if it is of no known source, or incomplete or of other shapes than that source's files.
    """
    source = source_of(file)
    try:
        return source, source.convert(file)
    except InputError:
        raise
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise InputError(f"{file.path}: no whole encoder of {source.NAME} ({reason_of(error)[:120]})") from error
