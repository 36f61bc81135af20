"""What forms that recompute for the backward pass have to know of where they run."""

import torch
from torch import Tensor


def records_gradients() -> bool:
    """Tells that autograd records as the code runs: neither without gradients nor while traced, exported or compiled.

    To be asked inside ``if not torch.jit.is_scripting()``: TorchScript leaves out the body of that alone.
    """
    return torch.is_grad_enabled() and not torch.jit.is_tracing() and not torch.compiler.is_compiling()


def product_dtype(x: Tensor) -> torch.dtype:
    """Returns the type in which products of ``x`` are computed here: that of autocast, which leaves float64 alone."""
    autocast = torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64
    return torch.get_autocast_dtype(x.device.type) if autocast else x.dtype
