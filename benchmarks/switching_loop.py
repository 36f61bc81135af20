"""Channel LoRA as one would hack it onto MONAI's stock ViT: a loop over channels that switches adapters."""

from collections.abc import Iterable

import torch
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.peft import ChannelLoRALinear

LAYERS = ("attn.qkv", "attn.out_proj", "mlp.linear1", "mlp.linear2")


class SwitchedLinear(nn.Module):
    """A linear layer with one adapter a channel, of which ``active`` says the one in use."""

    def __init__(self, base: nn.Linear, channels: int, rank: int, scaling: float) -> None:
        super().__init__()
        self.base, self.scaling, self.active = base, scaling, 0
        shapes = (rank, base.in_features), (base.out_features, rank)
        self.lora_a = nn.ParameterList(torch.randn(shapes[0], dtype=base.weight.dtype) * 0.02 for _ in range(channels))
        self.lora_b = nn.ParameterList(torch.randn(shapes[1], dtype=base.weight.dtype) * 0.02 for _ in range(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, N, in) to (B, N, out)."""
        update = x @ self.lora_a[self.active].T @ self.lora_b[self.active].T
        return self.base(x) + self.scaling * update


class SwitchingLoop(nn.Module):
    """A frozen one-channel ViT run once for each channel of the image, with that channel's adapters switched on.

    Args:
        vit: MONAI's, with whatever attention it has; changed in place.
        channels: of the image.
        rank: r of the adapters.
        scaling: s, the factor of the update.
    """

    def __init__(self, vit: ViT, channels: int, rank: int, scaling: float) -> None:
        super().__init__()
        self.vit = vit.requires_grad_(False)
        self.channels = channels
        self.switched: list[SwitchedLinear] = []
        for block in vit.blocks:
            for path in LAYERS:
                parent, _, name = path.rpartition(".")
                layer = SwitchedLinear(block.get_submodule(path), channels, rank, scaling)  # type: ignore[arg-type]
                setattr(block.get_submodule(parent), name, layer)
                self.switched.append(layer)

    def forward(self, image: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Maps an image (B, C, H, W, D) to each channel's normed tokens (B, N, d) and tokens after each block."""
        outputs = []
        for channel in range(self.channels):
            for layer in self.switched:
                layer.active = channel
            outputs.append(self.vit(image[:, channel : channel + 1]))
        return outputs

    @torch.no_grad()
    def load_batched(self, layers: Iterable[ChannelLoRALinear]) -> None:
        """Copies the adapters of batched layers, in the order of the blocks and of :data:`LAYERS`."""
        for switched, batched in zip(self.switched, layers, strict=True):
            for channel in range(self.channels):
                switched.lora_a[channel].copy_(batched.lora_a[channel])
                switched.lora_b[channel].copy_(batched.lora_b[channel])
