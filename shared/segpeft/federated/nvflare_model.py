"""Updates as NVFlare's ``FLModel``: tensors as numpy arrays, so that its filters apply, the header in ``meta``."""

from __future__ import annotations

import json

from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

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
    known = model.meta or {}
    header = json.loads(known[HEADER]) if HEADER in known else None
    return Update.received(site, model.params, header, known.get(CASES, 0), model.params_type, ParamsType.FULL)
