"""Sizes in the plane of a slice."""

from __future__ import annotations

from collections.abc import Sequence

from segpeft.errors import InputError


def in_plane(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Returns a size as (H, W); one number stands for both, and of a volume's three the slices do not count.

    Raises:
        InputError: it is neither one number nor two or three, or one of them is below 1.
    """
    sides = [size, size] if isinstance(size, int) else list(size)
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise InputError(f"{name} {size}: expected (H, W), numbers from 1 on")
    return sides[0], sides[1]
