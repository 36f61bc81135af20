"""The linear layer of channel-wise LoRA."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lora import LoRA, adapt


class ChannelLoRALinear(nn.Linear):
    """``y_c = W x_c + b + s B_c A_c x_c`` for every image channel c at once.

    Channel-wise LoRA of "Parameter Efficient Fine-Tuning of Large Vision Foundational Models for Multi-Channel
    Medical Image Segmentation" (2025), with the rank-stabilised scaling ``s = alpha / sqrt(r)``. The paper switches
    adapters in a loop over channels; here the channels lie in the batch, slowest index first, ``(C * B, ..., in)``: the
    frozen layer runs once on everything and the updates are one grouped matrix product. There is no state to switch, so
    nothing can be recomputed with the wrong channel. Adds ``lora_a (C, r, in)`` and ``lora_b (C, out, r)``.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        lora_dropout: nn.Dropout
        scaling: float

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: LoRA, channels: int) -> "ChannelLoRALinear":
        """Adopts ``linear`` and adds the adapters of ``method`` for ``channels`` image channels."""
        return adapt(linear, cls, method, linear.out_features, (channels,))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (C * B, ..., in)``, channels slowest, to ``(C * B, ..., out)``."""
        y = F.linear(x, self.weight, self.bias)
        by_channel = self.lora_dropout(x).reshape(self.lora_a.shape[0], -1, x.shape[-1])  # (C, B * N, in)
        low = torch.bmm(by_channel, self.lora_a.transpose(1, 2))  # (C, B * N, r)
        update = torch.bmm(low, self.lora_b.transpose(1, 2))  # (C, B * N, out)
        return y + self.scaling * update.reshape(y.shape)

    def delta_weights(self) -> Tensor:
        """Returns ``s B_c A_c`` of shape (C, out, in): a merge needs a copy of the weight for each channel."""
        return self.scaling * torch.bmm(self.lora_b, self.lora_a)
