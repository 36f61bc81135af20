"""Is a case more like the rest of its set if it is read in another way?

A case whose channels are in another order, or whose label is mirrored, is a good case read wrongly: there is a reading
under which it is like the others, and the one it came with is not. So every case is described by a vector under each
reading, and compared with the vectors that the other cases have as they came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_CASES = 8
"""Fewer say too little of what is usual."""
CLEAR = 0.5
"""How much nearer to the others the other reading has to be: mean difference of log(1 + z^2) over what it changes."""
FAR = 3.0
"""Robust deviations by which it also has to exceed what the set gives for this reading."""
UNUSUAL, USUAL = 1.5, 3.0
"""Robust deviations from the median distance of the set: a case has to be farther off than the first as it came, and
nearer than the second in its other reading."""
LEFT = 0.25
"""Or nearer than this share of the oddness that it came with: another reading has to explain most of it."""
RARE = 0.5
"""Share of the cases that lack a number, above which it is not compared."""
LEFT_OUT_UP_TO = 200
"""Cases; in larger sets one more or less does not move the median, and nothing is left out."""


@dataclass(frozen=True)
class Evidence:
    """How far n cases are from the others of their set, in readings 0 (as they came) to k.

    Attributes:
        distance: (n, k + 1), mean of log(1 + z^2) over all numbers of the vector, z in robust deviations of the set.
        gain: (n, k + 1), how much nearer the reading is than reading 0, over those numbers that it changes.
    """

    distance: FloatArray
    gain: FloatArray

    def better(self) -> list[int]:
        """Returns the reading that each case should have, 0 for those that are as they should be."""
        least = np.maximum(CLEAR, _middle(self.gain) + FAR * _spread(self.gain))
        came = self.distance[:, :1]
        unusual = came > _middle(came) + UNUSUAL * _spread(came)
        usual = self.distance - _middle(came) <= np.maximum(USUAL * _spread(came), LEFT * (came - _middle(came)))
        fits = (self.gain > least) & unusual & usual
        return np.where(fits, self.gain, 0.0).argmax(axis=1).tolist()  # the gain of reading 0 is 0


def _middle(values: FloatArray) -> FloatArray:
    return np.nanmedian(values, axis=0)


def _spread(values: FloatArray) -> FloatArray:
    return 1.4826 * np.nanmedian(np.abs(values - _middle(values)), axis=0)


def evidence(vectors: FloatArray, floor: float = 1e-2) -> Evidence:
    """Returns how far each case is from the others in each of its readings.

    Args:
        vectors: (n, k + 1, F), NaN where a case lacks something; what half of them lack is left out.
        floor: least deviation that a number is taken to have in the set.
    """
    vectors = vectors[..., np.isnan(vectors[:, 0]).mean(axis=0) < RARE]
    came = vectors[:, 0]
    distance, gain = np.zeros(vectors.shape[:2]), np.zeros(vectors.shape[:2])
    whole = (_middle(came), _spread(came)) if len(came) > LEFT_OUT_UP_TO else None
    for index, readings in enumerate(vectors):
        if whole is None:
            rest = np.delete(came, index, axis=0)
            middle, spread = _middle(rest), _spread(rest)
        else:
            middle, spread = whole
        known = ~np.isnan(readings[0])
        z = (readings[:, known] - middle[known]) / np.maximum(spread[known], floor)
        costs = np.log1p(np.square(z))
        changed = ~np.isclose(readings[:, known], readings[0, known])
        distance[index] = costs.mean(axis=1)
        gain[index] = ((costs[0] - costs) * changed).sum(axis=1) / np.maximum(changed.sum(axis=1), 1)
    return Evidence(distance, gain)
