"""Cases whose channels are in another order than those of the rest of the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from segpeft.finding import ERROR, NOTE, Finding

from ..looking import CaseLook, usable_values
from .alternatives import LEAST_CASES, evidence

MOST_PERMUTED = 5
"""Channels up to which every order is tried, 120 of them; of more, each exchange of two."""


def channel_orders(count: int) -> list[tuple[int, ...]]:
    """Returns the orders of so many channels that are tried; the first one leaves them as they are."""
    if count <= MOST_PERMUTED:
        return list(permutations(range(count)))
    orders = [tuple(range(count))]
    for one, other in combinations(range(count), 2):
        order = list(range(count))
        order[one], order[other] = other, one
        orders.append(tuple(order))
    return orders


def check_channel_order(looks: Sequence[CaseLook], channels: Sequence[str]) -> Iterator[Finding]:
    """Yields an error for each case that is like the others only after its channels are put into another order.

    Args:
        looks: at all cases.
        channels: names, in the order that the set should have.
    """
    if len(channels) < 2:
        return
    usable = [one for one in looks if one.signature is not None and len(one.signature.alike) == len(channels)]
    if len(usable) < LEAST_CASES:
        yield Finding(
            "channel order",
            f"not checked: {len(usable)} cases can be compared, at least {LEAST_CASES} are needed",
            NOTE,
        )
        return
    orders, values = channel_orders(len(channels)), usable_values(usable)
    vectors = np.array([[one.signature.vector(order, values) for order in orders] for one in usable if one.signature])
    for one, better in zip(usable, evidence(vectors).better(), strict=True):
        if better:
            found = _found_order(orders[better], channels)
            text = f"its channels look like {', '.join(found)}; expected {', '.join(channels)}"
            yield Finding("channel order", text, ERROR, one.facts.name)


def _found_order(order: Sequence[int], channels: Sequence[str]) -> list[str]:
    """Returns what stands at each place of a case whose channel `order[i]` belongs at place i."""
    found = [""] * len(channels)
    for place, origin in enumerate(order):
        found[origin] = channels[place]
    return found
