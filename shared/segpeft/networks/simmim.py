"""Masked image modelling with a Swin transformer: the pre-training of hierarchical encoders."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft.swin_hosts import STAGES

from .masked_autoencoder import from_patches, to_patches
from .norm_eps import set_norm_eps
from .slice_swin import check_stages


class SimMIM(nn.Module):
    """SimMIM (Xie et al. 2021, arXiv 2111.09886) of one-channel 2D or 3D images with MONAI's Swin transformer.

    Windows need a whole grid, so the hidden tokens stay in it: after the patch embedding a learned token takes their
    place. What is hidden at once is larger than a token (paper, sec. 4.1.2: 32 pixels), or neighbours would give it
    away. One linear layer paints the pixels from the last stage. Images are predicted as they are, and compared by L1:
    ``MaskedReconstructionLoss(patch_size, normalise=False, distance="l1")``.

    The encoder is MONAI's, with a normed patch embedding, the final norm of the published Swin, which MONAI's has not,
    and without MONAI's merging after the last stage, which nothing reads.

    Args:
        image_size: in voxels, 2 or 3 numbers; multiples of 8 patches, which are a token of the last stage, and at least
            a window of those: MONAI takes the bias of other offsets where the grid is smaller than the window.
        patch_size: of a token of the first stage in voxels.
        embed_dim: width of the first stage; each next one is twice as wide.
        depths: blocks of each of the four stages.
        num_heads: attention heads of each stage.
        window_size: in tokens; as ``patch_size``, as many numbers as ``image_size``, or one for all axes.
        mask_unit: in voxels, what is hidden or visible as a whole; None: about 32 voxels, whole patches.
        masking_ratio: share of the units that are hidden.
        norm_eps: of all layer norms.

    Raises:
        InputError: sizes that do not fit, or a value out of range.
    """

    def __init__(
        self,
        image_size: Sequence[int],
        patch_size: int | Sequence[int] = (4, 4),
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int | Sequence[int] = (4, 4),
        mask_unit: Sequence[int] | None = None,
        masking_ratio: float = 0.6,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if isinstance(patch_size, int):
            patch_size = [patch_size] * len(image_size)
        if isinstance(window_size, int):
            window_size = [window_size] * len(image_size)
        self.image_size, self.patch_size = tuple(image_size), tuple(patch_size)
        self.window_size = tuple(window_size)
        self.last_patch = tuple(8 * size for size in patch_size)
        unit = tuple(mask_unit or (max(32 // size, 1) * size for size in patch_size))
        _check_sizes(image_size, patch_size, window_size, unit)
        check_stages(embed_dim, depths, num_heads)
        self.units = [size // part for size, part in zip(image_size, unit, strict=True)]
        self.unit_tokens = [part // size for part, size in zip(unit, patch_size, strict=True)]
        self.hidden_units = round(masking_ratio * prod(self.units))
        if not 0 < self.hidden_units < prod(self.units):
            raise InputError(
                f"masking_ratio {masking_ratio} hides {self.hidden_units} of {prod(self.units)} units of "
                f"mask_unit {list(unit)}: expected some hidden and some visible"
            )
        self.swin = _swin(self.patch_size, embed_dim, depths, num_heads, self.window_size)
        self.mask_token = nn.Parameter(torch.zeros(1, embed_dim, *[1] * len(image_size)))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.norm = nn.LayerNorm(self.swin.num_features)
        self.head = nn.Linear(self.swin.num_features, prod(self.last_patch))
        set_norm_eps(self, norm_eps)
        self.encoder_header = {
            "kind": "swin",
            "patch_size": list(patch_size),
            "window_size": list(window_size),
            "num_heads": list(num_heads),
            "norm_eps": norm_eps,
        }

    def draw_mask(self, batch: int, device: torch.device) -> Tensor:
        """Returns which tokens are hidden, as bool (B, h, w[, d]); the same number in every image."""
        order = torch.rand(batch, prod(self.units), device=device).argsort(1).argsort(1)
        mask = (order < self.hidden_units).unflatten(1, self.units)
        for axis, tokens in enumerate(self.unit_tokens):
            mask = mask.repeat_interleave(tokens, dim=axis + 1)
        return mask

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Hides parts of images (B, 1, H, W[, D]) and paints them.

        Returns:
            Patches (B, N, p) of ``patch_size`` in the order of :func:`to_patches`, and the mask (B, N), 1 for hidden.
        """
        tokens = self.swin.pos_drop(self.swin.patch_embed(image))  # (B, C, h, w[, d])
        mask = self.draw_mask(len(tokens), tokens.device)
        tokens = torch.where(mask[:, None], self.mask_token, tokens)
        for name in STAGES:
            tokens = getattr(self.swin, name)[0](tokens.contiguous())
        features = self.norm(tokens.flatten(2).transpose(1, 2))  # (B, n, 8 C)
        painted = from_patches(self.head(features), self.last_patch, self.image_size)  # (B, 1, H, W[, D])
        return to_patches(painted, self.patch_size), mask.flatten(1).int()

    def encoder_state(self) -> dict[str, Tensor]:
        """Returns the encoder's parameters under the names of MONAI's SwinTransformer, and ``norm``.

        MONAI's only buffers, ``relative_position_index``, follow from the window and are left out.
        """
        parts = [*self.swin.named_parameters(), *self.norm.named_parameters(prefix="norm")]
        return {name: parameter.detach() for name, parameter in parts}


def _swin(
    patch_size: Sequence[int],
    embed_dim: int,
    depths: Sequence[int],
    num_heads: Sequence[int],
    window_size: Sequence[int],
) -> SwinTransformer:
    swin = SwinTransformer(
        in_chans=1,
        embed_dim=embed_dim,
        window_size=tuple(window_size),
        patch_size=tuple(patch_size),
        depths=tuple(depths),
        num_heads=tuple(num_heads),
        patch_norm=True,
        spatial_dims=len(patch_size),
    )
    last: Any = swin.layers4[0]
    last.downsample = None  # its output is no feature, and without a gradient it stalls DDP
    return swin


def _check_sizes(
    image_size: Sequence[int], patch_size: Sequence[int], window_size: Sequence[int], unit: Sequence[int]
) -> None:
    for name, sizes in (("patch_size", patch_size), ("window_size", window_size), ("mask_unit", unit)):
        if len(sizes) != len(image_size) or min(sizes) < 1:
            raise InputError(
                f"{name} {list(sizes)} does not fit image_size {list(image_size)}: expected a number an axis"
            )
    if any(size % (8 * patch) for size, patch in zip(image_size, patch_size, strict=True)):
        raise InputError(f"image_size {list(image_size)} is no multiple of 8 times patch_size {list(patch_size)}")
    least = [8 * patch * window for patch, window in zip(patch_size, window_size, strict=True)]
    if any(size < limit for size, limit in zip(image_size, least, strict=True)):
        raise InputError(f"image_size {list(image_size)} is smaller than a window of the last stage: {least} voxels")
    if any(part % patch or size % part for size, part, patch in zip(image_size, unit, patch_size, strict=True)):
        raise InputError(
            f"mask_unit {list(unit)} is no multiple of patch_size {list(patch_size)} that divides "
            f"image_size {list(image_size)}"
        )
