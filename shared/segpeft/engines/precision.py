"""Mixed precision: which type to compute in, and a frozen base held in that type."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from segpeft.peft import Applied

REDUCED = (torch.bfloat16, torch.float16)


def autocast_dtype(device: torch.device, amp: bool, network: nn.Module | None = None) -> torch.dtype | None:
    """Returns the type for autocast: bfloat16 on CUDA where the card computes in it, float16 on older ones, else None.

    Args:
        device: where the network is.
        amp: whether mixed precision is wanted; on a CPU it stays off.
        network: if its weights are held in a reduced type already, that type is needed, wanted or not.
    """
    if device.type != "cuda":
        return None
    held = held_dtype(network) if network is not None else None
    if held is not None or not amp:
        return held
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def hold_frozen_in(network: nn.Module, dtype: torch.dtype) -> int:
    """Casts the frozen weights and biases of linear and convolution layers to ``dtype``, in place.

    Autocast casts a float32 weight at every call and keeps the copy for backward (12.4 MB a block of a ViT-B); a frozen
    weight already held in the type is used as it is. Trainable parameters keep float32, as the optimizer's steps would
    round to nothing; norms, position embeddings and everything else keep float32 too. Parameters keep their identity,
    so references to them (shared weights, DDP) stay valid. The network then computes under autocast only.

    Of a network with a method only the backbone is held: a decoder that is frozen as well (when channels are added) was
    trained in float32, and rounding it would change what the network gives.

    Args:
        network: its frozen parameters have ``requires_grad=False``.
        dtype: the type of autocast, usually bfloat16.

    Returns:
        Number of values cast.
    """
    cast = 0
    applied: Applied | None = getattr(network, "peft", None)
    for path, module in network.named_modules():
        held = applied is None or applied.in_backbone(path)
        if held and isinstance(module, (nn.Linear, _ConvNd)):
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad and parameter.is_floating_point() and parameter.dtype != dtype:
                    parameter.data = parameter.data.to(dtype)
                    cast += parameter.numel()
    return cast


def held_dtype(network: nn.Module) -> torch.dtype | None:
    """Returns the reduced type in which :func:`hold_frozen_in` holds weights of ``network``, None if it holds none."""
    return next((p.dtype for p in network.parameters() if p.dtype in REDUCED), None)


def full_precision_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns the state dict of ``network`` on the CPU, with values of reduced types as float32."""
    return {
        name: (value.float() if value.dtype in REDUCED else value).detach().cpu()
        for name, value in network.state_dict().items()
    }
