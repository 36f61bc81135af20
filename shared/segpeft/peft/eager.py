"""When forms that recompute for the backward pass take the place of the plain ones."""

import torch


def records_gradients() -> bool:
    """Tells that autograd records as the code runs: neither without gradients nor while traced, exported or compiled.

    To be asked inside ``if not torch.jit.is_scripting()``: TorchScript leaves out the body of that alone.
    """
    return torch.is_grad_enabled() and not torch.jit.is_tracing() and not torch.compiler.is_compiling()
