"""How many parameters a method adds to a backbone of the contract matrix, written down apart from the methods."""

from __future__ import annotations

from collections.abc import Callable

from segpeft.peft import MedAdapter
from tests.peft.backbones import Backbone


def per_block(formula: Callable[[int, int], int]) -> Callable[[Backbone], int]:
    """A count that is the sum over blocks of a formula of their width d and the width m of their MLP."""

    def count(backbone: Backbone) -> int:
        return sum(formula(d, m) for d, m in backbone.widths)

    return count


def bottleneck_count(d: int, m: int) -> int:
    return 2 * d + 2 + (2 * 2 * 3 + 2) + 2 * d + d


def nothing(backbone: Backbone) -> int:
    return 0


def med_count(method: MedAdapter) -> Callable[[Backbone], int]:
    def count(backbone: Backbone) -> int:
        widths, total, previous = iter(backbone.widths), 0, 0
        merged = 2 * backbone.stage_stride - 1
        align = merged**backbone.dims
        for blocks in backbone.stages:
            for _ in range(blocks):
                width = next(widths)[0]
                h = int(width / method.alpha)
                total += 2 * width * h + width + h  # down, up
                total += method.conv3 * h * (9 + 1 + 3 + 1 + 2) + method.conv5 * h * (25 + 1 + 5 + 1 + 2)
                if method.fft:
                    total += h * method.frequencies**3 if method.variant == "global" else 2 * method.slices
                total += h * (method.large_kernel**3 + 1) if method.large_kernel else 0
                total += method.mixing * (h + 1) * h
            if previous and method.fusion != "none":
                total += (previous * align + 1) * h + (method.fusion == "concat") * (2 * h + 1) * h
            previous = h
        return total

    return count


def after_the_first(formula: Callable[[int, int], int]) -> Callable[[Backbone], int]:
    """A count that is the sum over all blocks but the first."""

    def count(backbone: Backbone) -> int:
        return sum(formula(d, m) for d, m in backbone.widths[1:])

    return count


def houlsby_count(d: int, m: int) -> int:
    return 2 * (2 * d * (d // 4) + d // 4 + d)


def compacter_count(backbone: Backbone) -> int:
    """Two adapters a block of two layers, rank 1 and a half of the width in the middle, and the 8 that all share."""
    return 8 + sum(2 * (2 * (d + d // 2) + d // 2 + d) for d, _ in backbone.widths)


def fact_count(a_piece: int, a_width: int) -> Callable[[Backbone], int]:
    """Four pieces a block (q, k, v and the projection); the factors of rank 2 are shared among equal widths."""

    def count(backbone: Backbone) -> int:
        widths = {d for d, _ in backbone.widths}
        return 4 * a_piece * len(backbone.widths) + sum(2 * 2 * width + a_width for width in widths)

    return count


def ladder_count(backbone: Backbone) -> int:
    """A ladder of half the width: one rung a block of a ViT, or a stage of Swin and its patch embedding."""
    total, last, widths = -1, 0, backbone.features or tuple(d for d, _ in backbone.widths)
    for d in widths:
        w = d // 2
        total += 1 + d * w + w + 28 * w + 2 * w + 4 * w * w + 3 * w
        total += (last + 1) * w if last not in (0, w) else 0
        last = w
    return total + sum(d // 2 * d + d for d in set(widths))
