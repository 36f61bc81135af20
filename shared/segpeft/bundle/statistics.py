"""How sure a difference is: bootstrap intervals over cases and paired tests between configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from scipy import stats


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95, resamples: int = 9999, seed: int = 0
) -> tuple[float, float] | None:
    """Returns the percentile bootstrap interval of the mean (Efron, 1979), None for fewer than two values.

    Args:
        values: one a case.
        confidence: of the interval.
        resamples: drawn with replacement.
        seed: of the draws.
    """
    if len(values) < 2:
        return None
    found = stats.bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def wilcoxon_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Returns the two-sided p value of Wilcoxon's signed-rank test (1945), None without pairs, 1 if all are equal.

    Pairs without a difference are left out, as Wilcoxon did; scipy takes the exact distribution where there are at most
    50 pairs without ties.

    Args:
        first: one value a case.
        second: of the same cases in the same order.
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not differences.size:
        return None
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p values adjusted for their number by Holm's step-down method (1979), in the same order."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def compare(scores: Mapping[str, Mapping[str, float]], spreads: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Compares every two configurations on the cases that both have.

    Args:
        scores: value of each case, by configuration.
        spreads: standard deviation of a configuration over its seeds, None for one seed.

    Returns:
        For each pair ``first``, ``second``, ``n``, ``difference`` (first minus second, mean over cases), ``interval``
        (of the difference), ``p``, ``p_holm`` and ``beyond_spread``: whether the difference exceeds both spreads, None
        where one is unknown.
    """
    pairs = []
    for first, second in combinations(scores, 2):
        cases = sorted(set(scores[first]) & set(scores[second]))
        one, other = [scores[first][case] for case in cases], [scores[second][case] for case in cases]
        p = wilcoxon_p(one, other)
        if p is None:
            continue
        differences = [a - b for a, b in zip(one, other, strict=True)]
        pair = {"first": first, "second": second, "n": len(cases), "difference": fmean(differences)}
        pair |= {"interval": bootstrap_interval(differences), "p": p}
        pair["beyond_spread"] = _beyond(abs(fmean(differences)), spreads.get(first), spreads.get(second))
        pairs.append(pair)
    for pair, adjusted in zip(pairs, holm([float(pair["p"]) for pair in pairs]), strict=True):  # type: ignore[arg-type]
        pair["p_holm"] = adjusted
    return pairs


def _beyond(difference: float, *spreads: float | None) -> bool | None:
    known = [spread for spread in spreads if spread is not None]
    return difference > max(known) if len(known) == len(spreads) else None
