"""Mixed precision: which type to compute in, and what that means for a base held in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor, nn

REDUCED = (torch.bfloat16, torch.float16)


def autocast_dtype(device: torch.device, amp: bool, network: nn.Module | None = None) -> torch.dtype | None:
    """Returns the type for autocast: bfloat16 on CUDA where the card computes in it, float16 on older ones, else None.

    Args:
        device: where the network is.
        amp: whether mixed precision is wanted; on a CPU it stays off.
        network: if its weights are held in a reduced type already, that type is needed, wanted or not.
    """
    held = held_dtype(network) if network is not None else None
    if held is not None or not amp or device.type != "cuda":
        return held
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


class AutocastInferer(Inferer):
    """An inferer under autocast on the image's device; MONAI's engines know autocast on CUDA only.

    Args:
        inferer: gives logits of images.
        dtype: the type of autocast.
    """

    def __init__(self, inferer: Callable[..., Any], dtype: torch.dtype) -> None:
        self.inferer = inferer
        self.dtype = dtype

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Returns what the inferer returns."""
        with torch.autocast(inputs.device.type, self.dtype):
            return self.inferer(inputs, network, *args, **kwargs)


def held_dtype(network: nn.Module) -> torch.dtype | None:
    """Returns the reduced type of weights in ``network``, see :func:`segpeft.peft.hold_frozen_in`; None without."""
    return next((p.dtype for p in network.parameters() if p.dtype in REDUCED), None)


def full_precision_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns the state dict of ``network`` on the CPU, with values of reduced types as float32."""
    return {
        name: (value.float() if value.dtype in REDUCED else value).detach().cpu()
        for name, value in network.state_dict().items()
    }
