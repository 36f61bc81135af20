"""The checked average of what sites send: FedAvg on trainable states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from segpeft.errors import InputError

from .update import Update, check_update


def average(updates: Iterable[Update], reference: Update, min_sites: int = 1) -> tuple[Update, dict[str, str]]:
    """Averages the updates of a round, each weighted by the number of its training cases.

    FedAvg (McMahan et al. 2017, arXiv 1602.05629, algorithm 1): ``w = sum_k (n_k / n) w_k``. What differs: only the
    trainable state is averaged, and an update that does not fit, or is not finite, is left out and named. Whole
    numbers (the batches that a batch norm has counted) become the largest one: an average would be none.

    Args:
        updates: of the sites that answered.
        reference: what the round began with.
        min_sites: so many usable updates are needed.

    Returns:
        The average, and of each site that was left out its name and why.

    Raises:
        InputError: fewer than ``min_sites`` updates are usable.
    """
    usable: dict[str, Update] = {}
    refused: dict[str, str] = {}
    for update in updates:
        try:
            if update.site in usable:
                raise InputError(f"{update.source}: came twice in one round, expected one")
            check_update(update, reference)
            usable[update.site] = update
        except InputError as error:
            refused[update.site] = str(error)
    if len(usable) < max(min_sites, 1):
        reasons = "; ".join(refused.values()) or "no other site answered"
        raise InputError(f"{len(usable)} usable updates, expected at least {max(min_sites, 1)}: {reasons}")
    return _mean(list(usable.values()), reference), refused


def _mean(updates: Sequence[Update], reference: Update) -> Update:
    total = sum(update.cases for update in updates)
    shares = [update.cases / total for update in updates]
    state = {
        key: _mean_tensor([update.state[key] for update in updates], shares).to(value.dtype)
        for key, value in reference.state.items()
    }
    return Update(state, reference.header, reference.site, total)


def _mean_tensor(values: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Sums in float64, so that the order of the sites does not show and one site alone stays as it is."""
    if not values[0].is_floating_point():
        return torch.stack(list(values)).amax(dim=0)
    mean = torch.zeros_like(values[0], dtype=torch.float64)
    for value, share in zip(values, shares, strict=True):
        mean.add_(value.double(), alpha=share)
    return mean
