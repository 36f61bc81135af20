"""A 2D Swin transformer that runs over the slices of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import SWIN, Layout, SwinTransformerHost
from segpeft.peft.swin_hosts import STAGES, add_swin_hosts

from .in_plane import in_plane
from .norm_eps import set_norm_eps


class SliceSwin(SwinTransformerHost):
    """MONAI's 2D Swin transformer (arXiv 2103.14030) with sockets that know the slices of a volume.

    The Swin backbone of Med-Tuning (arXiv 2304.10880); the defaults are its Swin-T with two blocks in each stage.
    Weights have MONAI's own names; MONAI's patch merging after the last stage, which nothing uses, is left out, and
    ``norm`` is the final norm that the published Swin has and MONAI's has not. Methods freeze patch embedding, blocks
    and patch merging; the final norm is tuned (:data:`SLICE_SWIN`).

    Args:
        in_channels: of the image.
        patch_size: in pixels, one number or two equal ones.
        embed_dim: width of the first stage; doubles from stage to stage.
        depths: blocks of each of the four stages.
        num_heads: attention heads of each stage.
        window_size: in tokens, one number or two.
        norm_eps: of all layer norms.

    Raises:
        InputError: a size is out of range or does not fit another.
    """

    def __init__(
        self,
        in_channels: int,
        patch_size: int | Sequence[int] = 4,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int | Sequence[int] = 4,
        norm_eps: float = 1e-5,
    ) -> None:
        patch, window = in_plane("patch_size", patch_size), in_plane("window_size", window_size)
        if patch[0] != patch[1]:
            raise InputError(f"patch_size {list(patch)}: expected one number or two equal ones")
        _check(embed_dim, depths, num_heads)
        device = torch.get_default_device()
        with torch.device("cpu"):  # MONAI reads values of a tensor while it builds, which the meta device has not
            super().__init__(
                in_chans=in_channels,
                embed_dim=embed_dim,
                window_size=window,
                patch_size=patch,
                depths=tuple(depths),
                num_heads=tuple(num_heads),
                patch_norm=True,
                spatial_dims=2,
            )
        self.to(device)
        self.layers4[0].downsample = None  # type: ignore[assignment]
        self.norm = nn.LayerNorm(self.num_features)
        set_norm_eps(self, norm_eps)
        add_swin_hosts(self)
        self.layout = SLICE_SWIN
        self.in_channels = in_channels
        self.num_heads = list(num_heads)
        self.widths = [embed_dim << stage for stage in range(len(STAGES))]
        self.strides = [patch[0] << stage for stage in range(len(STAGES))]
        self.least_size = self.strides[-1] * max(window)
        """In pixels: MONAI takes the bias of other offsets where a stage's grid is smaller than the window."""

    def pyramid(self, x: Tensor, slices: int) -> list[Tensor]:
        """Encodes slices.

        Args:
            x: (B * D, C, H, W), slices fastest; H and W multiples of the last stride, and at least ``least_size``.
            slices: D.

        Returns:
            Four maps (B * D, C_i, h_i, w_i): the patch embedding, what goes into stages 2 and 3, and what comes out of
            stage 4, normed.
        """
        embedded, second, third, _, last = self.forward(x, False, slices)
        return [embedded, second, third, self.norm(last.movedim(1, -1)).movedim(-1, 1)]


def _check(embed_dim: int, depths: Sequence[int], num_heads: Sequence[int]) -> None:
    for name, values in (("depths", depths), ("num_heads", num_heads)):
        if len(values) != len(STAGES) or min(values) < 1:
            raise InputError(f"{name} {list(values)}: expected {len(STAGES)} numbers from 1 on, one a stage")
    for stage, heads in enumerate(num_heads):
        if (embed_dim << stage) % heads:
            raise InputError(f"stage {stage + 1} is {embed_dim << stage} wide: does not divide by num_heads {heads}")


SLICE_SWIN: Layout = replace(SWIN, name="slice_swin", backbone=SliceSwin, frozen=("patch_embed.*", "layers*"))
"""A :class:`SliceSwin` as methods see it: as any Swin, but its final norm is tuned."""
