"""Channel-wise LoRA: one frozen encoder of one-channel images, one set of low-rank adapters for each image channel."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from segpeft.errors import InputError

from .adopt import replace_module
from .channel_lora_linear import ChannelLoRALinear
from .layouts import Layout
from .lora import LoRA
from .recompute import recompute_blocks


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
        for path in layout.target_paths(backbone, self.targets):
            linear = backbone.get_submodule(path)
            replace_module(backbone, path, ChannelLoRALinear.from_linear(linear, self, self.channels))  # type: ignore[arg-type]
        return recompute_blocks(backbone, layout) if self.recompute else backbone

    def describe(self) -> dict[str, Any]:
        """Returns the hyper-parameters; how gradients are computed (``recompute``) is none that a file has to match."""
        return {name: value for name, value in super().describe().items() if name != "recompute"}
