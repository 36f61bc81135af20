"""How far two lists of tensors lie apart."""

from torch import Tensor


def difference(one: list[Tensor], other: list[Tensor]) -> float:
    """The largest difference, relative to the largest magnitude of each tensor."""
    return max(
        float((a.double() - b.double()).abs().max() / a.double().abs().max()) for a, b in zip(one, other, strict=True)
    )


def distance(one: list[Tensor], other: list[Tensor]) -> float:
    """The largest relative difference of a tensor, in the Euclidean norm."""
    return max(float((a.double() - b.double()).norm() / a.double().norm()) for a, b in zip(one, other, strict=True))
