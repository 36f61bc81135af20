"""Masked auto-encoding of one-channel images: the pre-training of the encoders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.masked_autoencoder_vit import MaskedAutoEncoderViT
from torch import Tensor, nn

from segpeft.errors import InputError

from .norm_eps import set_norm_eps
from .pretrained.monai_mae import encoder_of
from .vit_encoder import slim_transformer_blocks, token_grid


class MaskedAutoEncoder(MaskedAutoEncoderViT):
    """MONAI's masked auto-encoder (He et al. 2021, arXiv 2111.06377) of one-channel 2D or 3D images.

    Only the visible patches go through the encoder; a narrow decoder paints the others. The encoder is the ViT that
    :class:`segpeft.networks.ChannelUNETR` uses: :func:`segpeft.networks.pretrained.save_encoder` writes it for there.

    Args:
        image_size: in voxels, 2 or 3 numbers.
        patch_size: in voxels.
        hidden_size, mlp_dim, num_layers, num_heads, qkv_bias: of the encoder.
        decoder_hidden_size, decoder_mlp_dim, decoder_num_layers, decoder_num_heads: of the decoder.
        masking_ratio: share of the patches that are hidden.
        norm_eps: of all layer norms.
    """

    def __init__(
        self,
        image_size: Sequence[int],
        patch_size: Sequence[int],
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        qkv_bias: bool = False,
        decoder_hidden_size: int = 384,
        decoder_mlp_dim: int = 1536,
        decoder_num_layers: int = 4,
        decoder_num_heads: int = 12,
        masking_ratio: float = 0.75,
        norm_eps: float = 1e-5,
    ) -> None:
        if not 0 < masking_ratio < 1:
            raise InputError(f"masking_ratio {masking_ratio} is out of range: expected 0 < masking_ratio < 1")
        grid = token_grid(image_size, patch_size)
        for name, width, heads in (("", hidden_size, num_heads), ("decoder_", decoder_hidden_size, decoder_num_heads)):
            if width % heads or width % (2 * len(image_size)):  # the position embedding has a sine and a cosine an axis
                raise InputError(
                    f"{name}hidden_size {width} does not divide by {name}num_heads {heads} and {2 * len(image_size)}"
                )
        super().__init__(
            in_channels=1,
            img_size=tuple(image_size),
            patch_size=tuple(patch_size),
            hidden_size=hidden_size,
            mlp_dim=mlp_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            masking_ratio=masking_ratio,
            decoder_hidden_size=decoder_hidden_size,
            decoder_mlp_dim=decoder_mlp_dim,
            decoder_num_layers=decoder_num_layers,
            decoder_num_heads=decoder_num_heads,
            spatial_dims=len(image_size),
            qkv_bias=qkv_bias,
        )
        slim_transformer_blocks(self)
        set_norm_eps(self, norm_eps)
        self.encoder_header = {
            "kind": "vit",
            "grid": grid,
            "patch_size": list(patch_size),
            "num_heads": num_heads,
            "norm_eps": norm_eps,
        }

    def encoder_state(self) -> dict[str, Tensor]:
        """Returns the encoder under the names of MONAI's ViT."""
        return encoder_of(self.state_dict()).tensors


def to_patches(image: Tensor, patch_size: Sequence[int]) -> Tensor:
    """Cuts images (B, 1, H, W[, D]) into patches (B, N, p), in the order of the ViT's tokens."""
    for axis, size in enumerate(patch_size):
        image = image.unflatten(2 + 2 * axis, (-1, size))  # (B, 1, h, p_h, w, p_w, ...)
    dims = len(patch_size)
    order = [0, *range(2, 2 + 2 * dims, 2), *range(3, 3 + 2 * dims, 2), 1]
    return image.permute(order).flatten(1, dims).flatten(2)


def from_patches(patches: Tensor, patch_size: Sequence[int], image_size: Sequence[int]) -> Tensor:
    """Puts patches (B, N, p) back to images (B, 1, H, W[, D])."""
    grid = [size // patch for size, patch in zip(image_size, patch_size, strict=True)]
    dims = len(grid)
    image = patches.unflatten(2, list(patch_size)).unflatten(1, grid)  # (B, h, w, d, p_h, p_w, p_d)
    order = [0, *(axis for i in range(dims) for axis in (1 + i, 1 + dims + i))]
    return image.permute(order).reshape(patches.shape[0], 1, *image_size)


DISTANCES = ("l1", "l2")


class MaskedReconstructionLoss(nn.Module):
    """Mean error over the hidden patches.

    A masked auto-encoder takes squares over patches that are normalised by themselves (arXiv 2111.06377, sec. 3, table
    1d), SimMIM absolute values over the image as it is (arXiv 2111.09886, eq. 2).

    Args:
        patch_size: in voxels.
        normalise: compare with patches of zero mean and unit variance.
        distance: "l2", the squared error, or "l1", the absolute one.

    Raises:
        InputError: another distance.
    """

    def __init__(self, patch_size: Sequence[int], normalise: bool = True, distance: str = "l2") -> None:
        super().__init__()
        if distance not in DISTANCES:
            raise InputError(f"distance is {distance!r}; expected one of {', '.join(DISTANCES)}")
        self.patch_size = tuple(patch_size)
        self.normalise = normalise
        self.distance = distance

    def forward(self, prediction: Sequence[Tensor], image: Tensor) -> Tensor:
        """Compares ``prediction``, patches (B, N, p) and mask (B, N) with 1 for hidden, with ``image`` (B, 1, ...)."""
        patches, mask = prediction
        target = to_patches(torch.as_tensor(image), self.patch_size)
        if self.normalise:
            variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) / (variance + 1e-6).sqrt()
        difference = patches.float() - target.float()  # (B, N, p)
        error = (difference.abs() if self.distance == "l1" else difference.square()).mean(-1)  # (B, N)
        return (error * mask).sum() / mask.sum().clamp(min=1)
