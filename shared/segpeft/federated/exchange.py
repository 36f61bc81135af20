"""Updates as MONAI's ``ExchangeObject``, what its client algorithms take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai.fl.utils.constants import WeightType
from monai.fl.utils.exchange_object import ExchangeObject

from .update import Update

HEADER, CASES = "adapter_header", "cases"
"""Entries of the statistics: the header of the update, and how many cases it was trained on."""


def to_exchange(update: Update, statistics: Mapping[str, Any] | None = None) -> ExchangeObject:
    """Returns the object for an update; its header and cases stand in the statistics, beside those given."""
    described = {**(statistics or {}), HEADER: dict(update.header), CASES: update.cases}
    return ExchangeObject(weights=dict(update.state), weight_type=WeightType.WEIGHTS, statistics=described)


def from_exchange(data: ExchangeObject, site: str) -> Update:
    """Returns the update in an object that ``site`` sent.

    Raises:
        InputError: it holds none, or differences of weights instead of weights.
    """
    known = data.statistics or {}
    whole = WeightType.WEIGHTS
    return Update.received(site, data.weights, known.get(HEADER), known.get(CASES, 0), data.weight_type, whole)
