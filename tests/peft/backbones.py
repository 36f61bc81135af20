"""The backbones of the contract matrix, each inside a segmentation network, and what a test has to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from monai.networks.nets import UNETR, SwinUNETR
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.networks import ChannelUNETR, build_slice_segmenter
from segpeft.networks.slices import fold_slices
from segpeft.networks.vit_encoder import slim_transformer_blocks
from tests.networks.slice_networks import ENCODERS

VIT = {"hidden_size": 12, "mlp_dim": 16, "num_heads": 2}
DEPTHS = (2, 1, 1, 1)


class OfSlices(nn.Module):
    """An encoder of slices that knows how many belong to a volume, so that it takes nothing but an image."""

    def __init__(self, encoder: nn.Module, slices: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.slices = slices

    def forward(self, x: Tensor):
        return self.encoder(x, slices=self.slices)


def _slice_vit() -> nn.Module:
    return build_slice_segmenter(1, 2, (16, 24), ENCODERS["vit"], "setr_mla", 8)


def _slice_swin() -> nn.Module:
    return build_slice_segmenter(1, 2, (32, 48), ENCODERS["swin"], "setr_mla", 8)


def _unetr() -> nn.Module:
    return slim_transformer_blocks(UNETR(2, 2, (32, 16, 16), feature_size=2, **VIT))


def _swin_unetr() -> nn.Module:
    norm = ("group", {"num_groups": 2})  # instance norm can't take the single voxel of the deepest feature
    return SwinUNETR(1, 2, norm_name=norm, feature_size=12, depths=DEPTHS, num_heads=(1, 2, 2, 2), window_size=4)


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
        dims: 2 if the backbone encodes the slices of the network's volumes, 3 if it encodes volumes.
        stage_stride: by what the token grid shrinks from a stage to the next.
        features: C of each feature that it returns, if that is not one a block.
        tuned: how many parameters of the backbone itself stay trainable.
        tuned_names: their names.
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
    features: tuple[int, ...] = ()
    tuned: int = 0
    tuned_names: tuple[str, ...] = ()

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """C of each stage."""
        ends = [sum(self.stages[: index + 1]) - 1 for index in range(len(self.stages))]
        return tuple(self.widths[end][0] for end in ends)

    def network(self, seed: int = 0) -> nn.Module:
        """Builds the network from a seed, in evaluation mode."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.make().eval()

    def image(self) -> Tensor:
        """Makes an input."""
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(5))

    def encoder(self, network: nn.Module) -> tuple[nn.Module, Tensor]:
        """Returns the backbone of a network alone, and an input for it."""
        encoder, image = network.get_submodule(self.path), self.image()
        if self.dims == 2:
            return OfSlices(encoder, image.shape[4]).eval(), fold_slices(image)
        return encoder, image.transpose(0, 1).flatten(0, 1).unsqueeze(1) if self.fold else image


def _swin_widths(first: int) -> tuple[tuple[int, int], ...]:
    return tuple((width, 4 * width) for width in (first, first, 2 * first, 4 * first, 8 * first))


BACKBONES = {
    "unetr": Backbone(_unetr, "vit", ViT, (2, 2, 32, 16, 16), ((12, 16),) * 12, (3, 3, 3, 3)),
    "slice_vit": Backbone(
        _slice_vit,
        "encoder",
        ViT,
        (2, 1, 16, 24, 3),
        ((12, 16),) * 4,
        (1, 1, 1, 1),
        dims=2,
        tuned=(6 + 2) * 12,
        tuned_names=("patch_embedding.position_embeddings", "norm.weight", "norm.bias"),
    ),
    "slice_swin": Backbone(
        _slice_swin,
        "encoder",
        SwinTransformer,
        (2, 1, 32, 48, 3),
        _swin_widths(8),
        DEPTHS,
        2,
        2,
        features=(8, 16, 32, 64, 64),
        tuned=2 * 64,
        tuned_names=("norm.weight", "norm.bias"),
    ),
    "swin_unetr": Backbone(
        _swin_unetr,
        "swinViT",
        SwinTransformer,
        (2, 1, 32, 32, 32),
        _swin_widths(12),
        DEPTHS,
        stage_stride=2,
        features=(12, 24, 48, 96, 192),
    ),
    "channel_unetr": Backbone(_channel_unetr, "vit", ViT, (2, 3, 16, 16, 8), ((12, 16),) * 4, (1, 1, 1, 1), fold=True),
}
