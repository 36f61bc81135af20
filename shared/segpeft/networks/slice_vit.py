"""A 2D ViT that runs over the slices of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import VIT, Layout, ViTHost
from segpeft.peft.adopt import adopt
from segpeft.peft.hosts import add_vit_hosts

from .in_plane import in_plane
from .norm_eps import set_norm_eps
from .relative_attention import use_relative_attention
from .slice_patches import SlicePatchEmbedding
from .vit_encoder import slim_transformer_blocks

TAPS = 4
ACTIVATIONS = ("gelu", "quick_gelu")


class SliceViT(ViTHost):
    """MONAI's 2D ViT (arXiv 2010.11929) without class token, with sockets that know the slices of a volume.

    The backbone of Med-Tuning (arXiv 2304.10880): one encoder sees every slice, four taps make its pyramid. Weights
    have MONAI's own names. The position embedding is interpolated to the grid of the input. Methods freeze the patch
    embedding and the blocks; position embedding and norms outside the blocks are tuned (:data:`SLICE_VIT`).

    Args:
        in_channels: of the image.
        image_size: (H, W) in pixels, for which the position embedding is built.
        patch_size: in pixels, one number or two equal ones.
        hidden_size: width of a token.
        mlp_dim: width inside the MLP.
        num_layers: transformer blocks, a multiple of 4.
        num_heads: attention heads.
        qkv_bias: whether the fused qkv layer has a bias.
        norm_eps: of all layer norms; 1e-6 in the published ViTs, 1e-5 in CLIP.
        pre_norm: a layer norm in front of the blocks, ``patch_embedding.norm``, as CLIP has it.
        activation: of the MLPs, ``gelu`` or CLIP's ``quick_gelu``.
        attention_window: side of the windows of Segment Anything's attention, 14 there
            (:mod:`segpeft.networks.relative_attention`); None for plain attention.

    Raises:
        InputError: a size is out of range or does not fit another.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: Sequence[int],
        patch_size: int | Sequence[int] = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        qkv_bias: bool = True,
        norm_eps: float = 1e-6,
        pre_norm: bool = False,
        activation: str = "gelu",
        attention_window: int | None = None,
    ) -> None:
        patch, size = _checked(image_size, patch_size, hidden_size, num_layers, num_heads, activation)
        super().__init__(
            in_channels=in_channels,
            img_size=size,
            patch_size=(patch, patch),
            hidden_size=hidden_size,
            mlp_dim=mlp_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            qkv_bias=qkv_bias,
            spatial_dims=2,
        )
        self.grid = [side // patch for side in size]
        embedding = adopt(self.patch_embedding, SlicePatchEmbedding)
        embedding.grid = self.grid
        embedding.norm = nn.LayerNorm(hidden_size) if pre_norm else nn.Identity()
        self.patch_embedding = embedding
        if activation == "quick_gelu":
            for block in self.blocks:
                block.mlp.fn = QuickGELU()  # type: ignore[union-attr]
        slim_transformer_blocks(self)
        set_norm_eps(self, norm_eps)
        add_vit_hosts(self)
        if attention_window is not None:
            use_relative_attention(
                self, [block for stage in VIT.stages(self) for block in stage[:-1]], attention_window
            )
        self.layout = SLICE_VIT
        self.in_channels = in_channels
        self.widths = [hidden_size] * TAPS
        self.strides = [patch] * TAPS
        self.least_size = patch

    def pyramid(self, x: Tensor, slices: int) -> list[Tensor]:
        """Encodes slices.

        Args:
            x: (B * D, C, H, W), slices fastest; H and W multiples of the patch.
            slices: D.

        Returns:
            Four maps (B * D, C, h, w), after a quarter, half and three quarters of the blocks, and after all and the
            final norm.
        """
        last, hidden = self.forward(x, slices)
        quarter = len(hidden) // 4
        grid = [x.shape[2] // self.patch_size[0], x.shape[3] // self.patch_size[1]]
        taps = [hidden[quarter - 1], hidden[2 * quarter - 1], hidden[3 * quarter - 1], last]
        return [tokens.transpose(1, 2).unflatten(2, grid) for tokens in taps]


class QuickGELU(nn.Module):
    """``x * sigmoid(1.702 x)``, the approximation of GELU with which CLIP was trained."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps a tensor to one of the same shape."""
        return x * torch.sigmoid(1.702 * x)


def _checked(
    image_size: Sequence[int],
    patch_size: int | Sequence[int],
    hidden_size: int,
    num_layers: int,
    num_heads: int,
    activation: str,
) -> tuple[int, tuple[int, ...]]:
    """Returns the side of a patch, and the image size filled up to whole patches."""
    sides = in_plane("patch_size", patch_size)
    if sides[0] != sides[1]:
        raise InputError(f"patch_size {list(sides)}: expected one number or two equal ones")
    if num_layers < TAPS or num_layers % TAPS:
        raise InputError(f"num_layers {num_layers}: expected a multiple of {TAPS}, for the pyramid's four taps")
    if hidden_size % num_heads:
        raise InputError(f"hidden_size {hidden_size} does not divide by num_heads {num_heads}")
    if activation not in ACTIVATIONS:
        raise InputError(f"activation {activation!r} is unknown: expected one of {', '.join(ACTIVATIONS)}")
    patch = sides[0]
    return patch, tuple(-(-size // patch) * patch for size in in_plane("image_size", image_size))


SLICE_VIT: Layout = replace(
    VIT, name="slice_vit", backbone=SliceViT, frozen=("patch_embedding.patch_embeddings.*", "blocks.*")
)
"""A :class:`SliceViT` as methods see it: as any ViT, but position embedding, ``pre_norm`` and final norm are tuned."""
