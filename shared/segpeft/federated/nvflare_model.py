"""Updates as NVFlare's ``FLModel``: tensors as numpy arrays, so that its filters apply, the header in ``meta``."""

from __future__ import annotations

import json

import torch
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from segpeft.errors import InputError

from .exchange import CASES, HEADER
from .update import Update


def to_flare(update: Update) -> FLModel:
    """Returns the model for an update."""
    meta = {HEADER: json.dumps(dict(update.header), sort_keys=True), CASES: update.cases}
    return FLModel(ParamsType.FULL, {key: value.numpy() for key, value in update.state.items()}, meta=meta)


def from_flare(model: FLModel, site: str) -> Update:
    """Returns the update in a model that ``site`` sent.

    Raises:
        InputError: it holds none, or differences of weights instead of weights.
    """
    meta = model.meta or {}
    if not model.params or HEADER not in meta:
        raise InputError(f"update of {site}: holds no weights with the header of an adapter file")
    if model.params_type != ParamsType.FULL:
        raise InputError(f"update of {site}: holds {model.params_type}, expected {ParamsType.FULL}")
    state = {key: torch.as_tensor(value) for key, value in model.params.items()}
    return Update(state, json.loads(meta[HEADER]), site, int(meta.get(CASES, 0)))
