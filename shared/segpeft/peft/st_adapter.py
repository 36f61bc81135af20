"""ST-Adapter: a bottleneck whose features are mixed along the slices."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from .bottleneck import BottleneckSocket, reduced
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count, check_odd
from .sockets import fill_socket
from .token_volume import tokens_of, volume_of
from .volume_convs import line_conv


class SpatioTemporalAdapter(BottleneckSocket):
    """``y = x + W_up GELU(DWConv3D(W_down x))`` (Pan et al. 2022, eq. 4), all biased; the slices are the time.

    Args:
        width: C.
        bottleneck_dim: m.
        kernel_size: k of the depth-wise (k, 1, 1) convolution along slices, padded with zeros at the volume's ends.
        slice_axis: of the token grid, :meth:`segpeft.peft.layouts.Layout.slice_axis`.
    """

    def __init__(self, width: int, bottleneck_dim: int, kernel_size: int, slice_axis: int) -> None:
        super().__init__(width, bottleneck_dim)
        self.slice_axis = slice_axis
        self.mix = nn.Conv3d(bottleneck_dim, bottleneck_dim, (kernel_size, 1, 1), groups=bottleneck_dim)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C), or (B * D, N, C), to tokens; ``carry`` goes through."""
        low = self.down(x)
        mixed = line_conv(volume_of(low, grid, self.slice_axis), self.mix.weight.flatten(3), self.mix.bias)
        return x + self.up(F.gelu(tokens_of(mixed, low, self.slice_axis))), carry


@dataclass(frozen=True)
class STAdapter(Method):
    """Adapters of "ST-Adapter: Parameter-Efficient Image-to-Video Transfer Learning" (arXiv 2206.13559, sec. 3.3).

    One a block, before its attention; what are frames there are slices here. A block gains
    ``2 C m + m + C + (k + 1) m`` parameters with ``m = C // reduction`` rounded down.

    Different from the reference: the network starts as it was because the up-projection is zero (the authors' code
    zeroes the convolution instead), and the activation of the paper's equation, which that code leaves out, is GELU.
    In a 3D backbone, where tokens of neighbouring slices see each other anyway, it mixes along the grid's slice axis.

    Args:
        reduction: C / m.
        kernel_size: k, odd: how many slices one step mixes.

    Raises:
        InputError: if a value is out of range, ``reduction`` is larger than C of a backbone, or that has a class token.
    """

    name: ClassVar[str] = "st_adapter"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * C * (C // reduction) + C // reduction + C + (kernel_size + 1) * (C // reduction)"
    advice: ClassVar[str] = "A 2D backbone on volumes, with one cheap convolution along the slices."
    reduction: int = 2
    kernel_size: int = 3

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("reduction", self.reduction)
        check_odd("kernel_size", self.kernel_size)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``before_attn`` of every block."""
        backbone = host_backbone(backbone, layout)
        axis = layout.slice_axis(backbone)
        for path in layout.blocks(backbone):
            width = layout.width(backbone, path)
            adapter = SpatioTemporalAdapter(width, reduced(width, self.reduction), self.kernel_size, axis)
            fill_socket(backbone.get_submodule(path), "before_attn", adapter)
        return backbone
