"""Ladder side tuning: a small network beside the backbone, which gets no backward pass at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bottleneck import reduced, zero_
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .side import Side, fill_side

TEMPERATURE = 0.1


class Ladder(Side):
    """``s_i = f_i(mu_i down_i(h_i) + (1 - mu_i) s_{i-1})`` and ``h_i + up_i(s_i)`` (Sung et al. 2022, sec. 3.1).

    ``mu_i = sigmoid(gate_i / 0.1)`` starts at a half. Where the grid shrinks from a feature to the next, the side
    feature is averaged to the new one; where the width changes, a linear layer follows.

    Args:
        widths: C_i of the features.
        reduction: C_i / w_i.
    """

    def __init__(self, widths: Sequence[int], reduction: int) -> None:
        super().__init__()
        sides = [reduced(width, reduction) for width in widths]
        pairs = list(zip(widths, sides, strict=True))
        before = [sides[0], *sides[:-1]]
        self.down = nn.ModuleList(nn.Linear(width, side) for width, side in pairs)
        self.step = nn.ModuleList(
            nn.Linear(last, side) if last != side else nn.Identity() for last, side in zip(before, sides, strict=True)
        )
        self.temperature = TEMPERATURE
        self.gates = nn.Parameter(torch.zeros(len(widths) - 1))
        self.rungs = nn.ModuleList(Rung(side) for side in sides)
        up = {width: zero_(nn.Linear(side, width)) for width, side in pairs}
        self.up = nn.ModuleList(up[width] for width in widths)  # one a width: a decoder need not read every feature

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps features (B, C_i, a, b, c) to features of the same shapes."""
        made: list[Tensor] = []
        side = features[0]
        shares = torch.sigmoid(self.gates / self.temperature)
        for index, (down, step, rung, up) in enumerate(zip(self.down, self.step, self.rungs, self.up)):  # noqa: B905
            feature = features[index]
            here = down(feature.movedim(1, -1))  # (B, a, b, c, w)
            if index > 0:
                size = (feature.shape[2], feature.shape[3], feature.shape[4])
                if side.shape[1:4] != here.shape[1:4]:
                    side = F.adaptive_avg_pool3d(side.movedim(-1, 1), size).movedim(1, -1)
                share = shares[index - 1]
                here = share * here + (1 - share) * step(side)
            side = rung(here)
            made.append(feature + up(side).movedim(-1, 1))
        return made


class Rung(nn.Module):
    """One layer of the side network: a depth-wise convolution over 3 x 3 x 3 tokens and a perceptron, each residual.

    Args:
        width: w.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, a, b, c, w) to the same shape."""
        x = x + self.mix(x.movedim(-1, 1)).movedim(1, -1)
        return x + self.outer(F.gelu(self.inner(self.norm(x))))


@dataclass(frozen=True)
class LadderSideTuning(Method):
    """Ladder side tuning (Sung et al. 2022, arXiv 2206.06522, sec. 3): memory as well as parameters are saved.

    A side network of ``w_i = C_i // reduction`` channels climbs along the backbone's features and corrects them for the
    decoder. Nothing inside the backbone is trained, not even what other methods leave trainable, so there is no
    backward pass through it and nothing of it is kept for one.

    Different from the paper: side layers are depth-wise convolutions over the volume with a perceptron (there small
    transformer layers), which a hierarchical backbone has room for and slices can talk through; the features are
    corrected one by one (there only the last one is used); no layer is dropped, and nothing is initialised from the
    backbone's weights.

    A feature adds ``C w + w`` for its way down, ``28 w + 2 w`` for convolution and norm and ``4 w^2 + 3 w`` for the
    perceptron, each but the first a gate; a change of width ``w_{i-1} w_i + w_i``. The way up, ``w C + C``, is shared
    by features of one width.

    Args:
        reduction: C_i / w_i.

    Raises:
        InputError: if ``reduction`` is out of range, or larger than C of a feature.
    """

    name: ClassVar[str] = "ladder"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "C * (C // reduction) + 4 * (C // reduction) ** 2 + 34 * (C // reduction) + 1"
    formula_once: ClassVar[str] = "C * (C // reduction) + C - 1"
    advice: ClassVar[str] = "Memory is short: nothing of the backbone is kept for the backward pass."
    reduction: int = 8

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("reduction", self.reduction)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Freezes all of the backbone and puts a ladder beside it."""
        backbone = host_backbone(backbone, layout)
        layout.slice_axis(backbone)  # refuses a class token
        ladder = Ladder(layout.rungs(backbone), self.reduction)
        for parameter in backbone.parameters():
            parameter.requires_grad_(False)
        fill_side(backbone, ladder)
        return backbone
