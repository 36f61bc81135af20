"""UNETR for C-channel volumes on an encoder of one-channel volumes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from segpeft.errors import InputError

from .decoders import UNETRDecoder
from .fusion import ChannelFusion
from .norm_eps import set_norm_eps
from .vit_encoder import token_grid, vit_encoder


class ChannelUNETR(nn.Module):
    """Every channel goes through one shared one-channel ViT; the latents are fused for UNETR's decoder.

    The network of "Parameter Efficient Fine-Tuning of Large Vision Foundational Models for Multi-Channel Medical Image
    Segmentation" (2025) on UNETR (arXiv 2103.10504). At each of the four skips the latents of the C channels are
    concatenated and reduced by ``Linear(C d -> d)`` and LayerNorm. The skips follow MONAI's UNETR: hidden states after
    blocks 4, 7 and 10 of 12, and the final norm's output. What makes channels differ inside the encoder is the method:
    :class:`segpeft.peft.ChannelLoRA` gives each its own adapters. The decoder's first block sees all C raw channels
    (the published counts fit a one-channel block: 5,376 parameters fewer).

    Args:
        in_channels: C.
        out_channels: classes or regions, one logit each.
        image_size: of the window in voxels (H, W, D), multiples of the patch size.
        feature_size: width of the decoder at full resolution; 16 here, 64 in the paper, and it rules time and memory.
        patch_size: of the encoder in voxels; powers of two up to 16.
        hidden_size, mlp_dim, num_layers, num_heads, qkv_bias: of the encoder; the defaults are ViT-B.
        recompute: recompute the decoder's activations in the backward pass instead of keeping them; for the encoder it
            is a knob of :class:`segpeft.peft.ChannelLoRA`.
        norm_eps: of the encoder's layer norms; MONAI's is 1e-5, that of most published ViTs 1e-6.

    Raises:
        InputError: if a size is out of range or does not fit another.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: Sequence[int] = (96, 96, 96),
        feature_size: int = 16,
        patch_size: Sequence[int] = (16, 16, 16),
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        qkv_bias: bool = False,
        recompute: bool = True,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("in_channels", in_channels, 1),
            ("out_channels", out_channels, 1),
            ("feature_size", feature_size, 1),
            ("num_layers", num_layers, 4),
        ):
            if value < least:
                raise InputError(f"{name} {value} is out of range: expected at least {least}")
        if hidden_size % num_heads:
            raise InputError(f"hidden_size {hidden_size} does not divide by num_heads {num_heads}")
        self.in_channels = in_channels
        self.grid = token_grid(image_size, patch_size)
        self.taps = [num_layers // 4, num_layers // 2, 3 * num_layers // 4]
        self.vit = vit_encoder(image_size, patch_size, hidden_size, mlp_dim, num_layers, num_heads, qkv_bias)
        set_norm_eps(self.vit, norm_eps)
        self.fusions = nn.ModuleList(ChannelFusion(in_channels, hidden_size) for _ in range(4))
        self.decoder = UNETRDecoder(in_channels, out_channels, hidden_size, feature_size, patch_size, recompute)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Segments.

        Args:
            x: image (B, C, H, W, D).
            present: (B, C), or (1, C) for the windows of one case, 1 for each channel that a case has. Absent channels
                are zeroed, before and after the encoder, and the fusion's input is scaled by C / n. Default: all are
                there.

        Returns:
            Logits (B, K, H, W, D).
        """
        channels = self.in_channels
        if x.shape[1] != channels:
            raise ValueError(f"the image has {x.shape[1]} channels, the network is built for {channels}")
        weight: Tensor | None = None
        if present is not None:
            given = present.to(x.dtype)
            x = x * given.reshape([-1, channels] + [1] * (x.dim() - 2))
            weight = given * channels / given.sum(1, keepdim=True).clamp(min=1.0)
        folded = x.transpose(0, 1).flatten(0, 1).unsqueeze(1)  # (C * B, 1, H, W, D)
        last, hidden = self.vit(folded)
        latents = [hidden[self.taps[0]], hidden[self.taps[1]], hidden[self.taps[2]], last]
        features: list[Tensor] = []
        for index, fusion in enumerate(self.fusions):
            tokens = fusion(latents[index], weight)  # (B, N, d)
            features.append(tokens.transpose(1, 2).unflatten(2, self.grid))  # (B, d, h, w, d)
        return self.decoder(x, features)
