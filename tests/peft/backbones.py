"""The backbones of the contract matrix, each inside a segmentation network, and what a test has to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from monai.networks.nets import UNETR, SwinUNETR
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.networks import ChannelUNETR
from segpeft.networks.vit_encoder import slim_transformer_blocks, vit_encoder

VIT = {"hidden_size": 12, "mlp_dim": 16, "num_heads": 2}
SWIN = {"window_size": (4, 4), "patch_size": (2, 2), "depths": (2, 1, 1, 1), "num_heads": (1, 2, 2, 2)}


class ViTWithHead(nn.Module):
    """A 2D ViT with one linear map from a token to the logits of its patch."""

    def __init__(self) -> None:
        super().__init__()
        self.vit: nn.Module = vit_encoder((16, 24), (8, 8), num_layers=2, **VIT)
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        tokens, _ = self.vit(x)
        return self.head(tokens).transpose(1, 2).unflatten(2, [2, 3])


class SwinWithHead(nn.Module):
    """A 2D Swin transformer with a 1 x 1 convolution on each of its five features."""

    def __init__(self) -> None:
        super().__init__()
        self.swin = SwinTransformer(1, 8, spatial_dims=2, **SWIN)
        self.heads = nn.ModuleList(nn.Conv2d(width, 2, 1) for width in (8, 16, 32, 64, 128))

    def forward(self, x: Tensor) -> Tensor:
        maps = [head(feature) for head, feature in zip(self.heads, self.swin(x), strict=True)]
        return torch.stack([F.interpolate(one, size=maps[0].shape[2:]) for one in maps]).sum(0)


def _unetr() -> nn.Module:
    return slim_transformer_blocks(UNETR(2, 2, (32, 16, 16), feature_size=2, **VIT))


def _swin_unetr() -> nn.Module:
    norm = ("group", {"num_groups": 2})  # instance norm can't take the single voxel of the deepest feature
    size = {"feature_size": 12, "depths": SWIN["depths"], "num_heads": SWIN["num_heads"], "window_size": 4}
    return SwinUNETR(1, 2, norm_name=norm, **size)


def _channel_unetr() -> nn.Module:
    return ChannelUNETR(3, 2, image_size=(16, 16, 8), feature_size=2, patch_size=(8, 8, 4), num_layers=4, **VIT)


@dataclass(frozen=True)
class Backbone:
    """A network with a backbone.

    Args:
        make: builds the network.
        path: of the backbone in it.
        kind: its class.
        shape: of an input of the network.
        fold: whether the network folds the channels of the image into the batch of its backbone.
        widths: (C, width inside the MLP) of each block.
        stages: how many of the blocks each stage has.
        dims: 2 if the backbone encodes slices, 3 if volumes.
        stage_stride: by what the token grid shrinks from a stage to the next.
    """

    make: Callable[[], nn.Module]
    path: str
    kind: type[nn.Module]
    shape: tuple[int, ...]
    widths: tuple[tuple[int, int], ...]
    stages: tuple[int, ...]
    dims: int = 3
    stage_stride: int = 1
    fold: bool = False

    def network(self, seed: int = 0) -> nn.Module:
        """Builds the network from a seed, in evaluation mode."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.make().eval()

    def image(self) -> Tensor:
        """Makes an input."""
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(5))

    def encoder_image(self) -> Tensor:
        """Makes an input of the backbone alone."""
        return self.image().transpose(0, 1).flatten(0, 1).unsqueeze(1) if self.fold else self.image()


def _swin_widths(first: int) -> tuple[tuple[int, int], ...]:
    return tuple((width, 4 * width) for width in (first, first, 2 * first, 4 * first, 8 * first))


BACKBONES = {
    "unetr": Backbone(_unetr, "vit", ViT, (2, 2, 32, 16, 16), ((12, 16),) * 12, (3, 3, 3, 3)),
    "vit2d": Backbone(ViTWithHead, "vit", ViT, (2, 1, 16, 24), ((12, 16),) * 2, (2,), dims=2),
    "swin2d": Backbone(SwinWithHead, "swin", SwinTransformer, (2, 1, 32, 64), _swin_widths(8), SWIN["depths"], 2, 2),
    "swin_unetr": Backbone(
        _swin_unetr, "swinViT", SwinTransformer, (2, 1, 32, 32, 32), _swin_widths(12), SWIN["depths"], stage_stride=2
    ),
    "channel_unetr": Backbone(_channel_unetr, "vit", ViT, (2, 3, 16, 16, 8), ((12, 16),) * 4, (1, 1, 1, 1), fold=True),
}
