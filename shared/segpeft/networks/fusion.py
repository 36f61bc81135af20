"""One feature from the latents of C channels."""

from __future__ import annotations

from torch import Tensor, nn


class ChannelFusion(nn.Module):
    """``LayerNorm(W [h_1, ..., h_C] + b)``: the channels' latents concatenated and reduced to the width of one.

    One stands at each of UNETR's four skips; ``Linear(C d -> d)`` and LayerNorm are what the published counts of the
    channel-LoRA paper (2025) say.

    Args:
        channels: C.
        hidden_size: d.
    """

    def __init__(self, channels: int, hidden_size: int) -> None:
        super().__init__()
        self.channels = channels
        self.reduce = nn.Linear(channels * hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, latent: Tensor, weight: Tensor | None = None) -> Tensor:
        """Maps latents (C * B, N, d), channels slowest, and their weights (B, C) to (B, N, d)."""
        by_channel = latent.unflatten(0, [self.channels, -1]).permute(1, 2, 0, 3)  # (B, N, C, d)
        if weight is not None:
            by_channel = by_channel * weight[:, None, :, None].to(latent.dtype)
        return self.norm(self.reduce(by_channel.flatten(2)))
