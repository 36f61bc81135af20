"""Pro-tuning: one small convolutional block after every stage."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from .bottleneck import zero_
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_odd
from .sockets import Socket, fill_socket
from .token_volume import tokens_of, volume_of
from .volume_convs import plane_conv


class ProTuningBlock(Socket):
    """``y = x + W_2 GELU(DW(GELU(W_1 x)))``: 1 x 1, depth-wise k x k inside each slice, 1 x 1; all biased, C wide.

    Args:
        width: C.
        kernel_size: k.
        slice_axis: of the token grid, :meth:`segpeft.peft.layouts.Layout.slice_axis`.
    """

    def __init__(self, width: int, kernel_size: int, slice_axis: int) -> None:
        super().__init__()
        self.slice_axis = slice_axis
        self.first = nn.Linear(width, width)  # a 1 x 1 convolution of tokens
        self.mix = nn.Conv2d(width, width, kernel_size, groups=width)
        self.last = zero_(nn.Linear(width, width))

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C), or (B * D, N, C), to tokens; ``carry`` goes through."""
        first = F.gelu(self.first(x))
        mixed = plane_conv(volume_of(first, grid, self.slice_axis), self.mix.weight, self.mix.bias)
        return x + self.last(F.gelu(tokens_of(mixed, x, self.slice_axis))), carry


@dataclass(frozen=True)
class ProTuning(Method):
    """Prompt blocks of "Pro-tuning: Unified Prompt Tuning for Vision Tasks" (Nie et al. 2022, arXiv 2207.14381).

    One after the last block of each stage of the backbone, before a Swin transformer's patch merging, with a residual
    connection. A stage gains ``2 C C + (k k + 3) C`` parameters.

    Different from the paper: the last convolution starts at zero, so that the network starts as it was. The published
    counts settle the three convolutions, their width and their biases; GELU between them is a choice made here.

    Args:
        kernel_size: k, odd, in tokens.

    Raises:
        InputError: if ``kernel_size`` is out of range, or a backbone has a class token.
    """

    name: ClassVar[str] = "pro_tuning"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "0"
    formula_once: ClassVar[str] = "4 * (2 * C ** 2 + 28 * C)"
    advice: ClassVar[str] = "Prompts that depend on the image, at the ends of stages."
    kernel_size: int = 5

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_odd("kernel_size", self.kernel_size)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``after_block`` of the last block of each stage."""
        backbone = host_backbone(backbone, layout)
        axis = layout.slice_axis(backbone)
        for stage in layout.stages(backbone):
            block = ProTuningBlock(layout.width(backbone, stage[-1]), self.kernel_size, axis)
            fill_socket(backbone.get_submodule(stage[-1]), "after_block", block)
        return backbone
