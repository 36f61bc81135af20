"""The mean of an ensemble and how far its members agree."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor, special

from segpeft.errors import InputError

from .batches import plain

MEASURES = ("entropy", "mutual_information", "std")


def binary_entropy(probability: Tensor) -> Tensor:
    """Returns ``- p log2 p - (1 - p) log2 (1 - p)`` in bits, 0 at 0 and 1, 1 at 0.5."""
    return (special.entr(probability) + special.entr(1 - probability)) / math.log(2)


def uncertainty(members: Tensor) -> dict[str, Tensor]:
    """Returns the measures of uncertainty of k members' probabilities (k, R, H, W, D), each (R, H, W, D).

    With p_k the probability of a member and p their mean, for each region and voxel:

    - ``entropy``: H(p) in bits, the predictive entropy of the mean, the whole of the uncertainty;
    - ``mutual_information``: H(p) - mean of H(p_k) in bits, the part that comes from members that disagree (Houlsby et
      al. 2011, arXiv 1112.5745); where all are equally unsure it is 0;
    - ``std``: standard deviation of p_k over the k members.
    """
    total = binary_entropy(members.mean(0))
    shared = (total - binary_entropy(members).mean(0)).clamp(min=0)  # rounding may leave it a little below
    return {"entropy": total, "mutual_information": shared, "std": members.std(0, correction=0)}


class EnsembleMeand(MapTransform):
    """Replaces the probabilities of all members (k * R, H, W, D) by their mean (R, H, W, D).

    The measures of :func:`uncertainty` join the case under their names.

    Args:
        keys: of the probabilities; one key.
        members: k.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: (call) the channels do not divide by ``members``.
    """

    def __init__(self, keys: KeysCollection, members: int, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.members = members

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with mean and measures."""
        d = dict(data)
        for key in self.key_iterator(d):
            channels = d[key].shape[0]
            if channels % self.members:
                raise InputError(f"prediction has {channels} channels: expected as many for each of {self.members}")
            members = plain(d[key]).unflatten(0, (self.members, -1))  # (k, R, H, W, D)
            results = {key: members.mean(0), **uncertainty(members)}
            d.update({name: convert_to_dst_type(value, d[key])[0] for name, value in results.items()})
        return d
