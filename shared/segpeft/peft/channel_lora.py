"""Channel-wise LoRA: one frozen encoder of one-channel images, one set of low-rank adapters for each image channel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .adopt import replace_module
from .layouts import Layout
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
    def from_linear(cls, linear: nn.Linear, method: "ChannelLoRA") -> "ChannelLoRALinear":
        """Adopts ``linear`` and adds the adapters of ``method``."""
        return adapt(linear, cls, method, linear.out_features, (method.channels,))

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


@dataclass(frozen=True)
class ChannelLoRA(LoRA):
    """Channel-wise LoRA: :class:`LoRA` with adapters of their own for each of ``channels`` image channels.

    For networks that fold the channels of an image into the batch (:class:`segpeft.networks.ChannelUNETR`). With the
    targets ``out_proj, linear1`` it adds the published ``258,048 r`` parameters to a ViT-B at four channels.

    Args:
        channels: C, how many image channels the network folds.
        recompute: recompute LayerNorm and GELU in the backward pass instead of keeping them
            (:mod:`segpeft.peft.recompute`); same outputs and gradients, about 0.6 of the bytes kept.
    """

    name: ClassVar[str] = "channel_lora"
    family: ClassVar[str] = "reparameterisation"
    merges: ClassVar[bool] = False
    formula: ClassVar[str] = "channels * 6 * C * rank"
    advice: ClassVar[str] = "Several modalities, each encoded by an encoder that was pre-trained on one."
    channels: int = 4
    recompute: bool = True

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        super().__post_init__()
        if not isinstance(self.channels, int) or self.channels < 1:
            raise InputError(f"channels {self.channels} is out of range: expected an integer of at least 1")
        if self.parts:
            raise InputError(f"targets {list(self.targets)}: channel LoRA adapts the fused qkv, name qkv instead")

    def check(self, network: nn.Module) -> None:
        """Refuses a network of another number of channels: rows of a batch would get a wrong channel's adapters."""
        folded = getattr(network, "in_channels", self.channels)  # a bare encoder does not say
        if folded != self.channels:
            raise InputError(f"channels {self.channels}: {type(network).__name__} has {folded} image channels")

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Replaces every targeted linear layer by its adapted form."""
        from .recompute import recompute_blocks  # it builds on ChannelLoRALinear

        for path in layout.target_paths(backbone, self.targets):
            linear = backbone.get_submodule(path)
            replace_module(backbone, path, ChannelLoRALinear.from_linear(linear, self))  # type: ignore[arg-type]
        return recompute_blocks(backbone, layout) if self.recompute else backbone

    def describe(self) -> dict[str, Any]:
        """Returns the hyper-parameters; how gradients are computed (``recompute``) is none that a file has to match."""
        return {name: value for name, value in super().describe().items() if name != "recompute"}
