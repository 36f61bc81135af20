"""MONAI's ViT as an encoder: nothing in it that is not used, attention through torch's fused kernel."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks.transformerblock import TransformerBlock
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.errors import InputError


def slim_transformer_blocks(network: nn.Module) -> nn.Module:
    """Removes what MONAI's transformer blocks hold but never use, and turns fused attention on; returns ``network``.

    Without cross attention a block still registers ``norm_cross_attn``: it distorts parameter counts and stalls
    distributed training, where every parameter must get a gradient. Fused attention applies its dropout in evaluation
    too, so it is used only where dropout is 0.
    """
    for module in network.modules():
        if isinstance(module, TransformerBlock) and not module.with_cross_attention:
            del module.norm_cross_attn
            module.attn.use_flash_attention = module.attn.dropout_rate == 0.0
    return network


def vit_encoder(
    image_size: Sequence[int],
    patch_size: Sequence[int],
    hidden_size: int = 768,
    mlp_dim: int = 3072,
    num_layers: int = 12,
    num_heads: int = 12,
    qkv_bias: bool = False,
    in_channels: int = 1,
) -> ViT:
    """Builds a :class:`monai.networks.nets.ViT` (arXiv 2010.11929) without head and class token.

    Args:
        image_size: size of the input in voxels; 2 or 3 numbers, each a multiple of the patch size.
        patch_size: size of a patch in voxels.
        hidden_size: width of a token.
        mlp_dim: width inside the MLP.
        num_layers: how many transformer blocks.
        num_heads: attention heads.
        qkv_bias: whether the fused qkv layer has a bias.
        in_channels: channels of the image.

    Raises:
        InputError: the image cannot be cut into whole patches.
    """
    grid = token_grid(image_size, patch_size)
    vit = ViT(
        in_channels=in_channels,
        img_size=tuple(image_size),
        patch_size=tuple(patch_size),
        hidden_size=hidden_size,
        mlp_dim=mlp_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        qkv_bias=qkv_bias,
        spatial_dims=len(image_size),
    )
    vit.grid = grid  # type: ignore[assignment]
    return slim_transformer_blocks(vit)  # type: ignore[return-value]


def token_grid(image_size: Sequence[int], patch_size: Sequence[int]) -> list[int]:
    """Returns how many tokens lie along each axis.

    Args:
        image_size: in voxels.
        patch_size: in voxels.

    Raises:
        InputError: the image cannot be cut into whole patches.
    """
    pairs = list(zip(image_size, patch_size, strict=False))
    if len(image_size) != len(patch_size) or any(size < patch or size % patch for size, patch in pairs):
        raise InputError(f"image_size {list(image_size)} is no multiple of patch_size {list(patch_size)}")
    return [size // patch for size, patch in pairs]
