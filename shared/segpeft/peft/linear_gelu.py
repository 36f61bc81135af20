"""A linear layer and GELU, without keeping what is between them for the backward pass."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .eager import product_dtype, records_gradients


class LinearGELU(nn.Linear):
    """``gelu(W x + b)``, trained, that keeps ``x`` alone for the backward pass.

    torch keeps what GELU gets, too; here it is computed again from ``x``, which is kept anyway for the gradient of
    ``W``. The definition is the plain form: same values and gradients up to rounding. It runs here, too, when scripted,
    traced, compiled or without gradients.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps tokens (..., in) to (..., out)."""
        if not torch.jit.is_scripting():  # noqa: SIM102 - TorchScript leaves the body out only if this stands alone
            if records_gradients():
                return _LinearGELU.apply(x, self.weight, self.bias, product_dtype(x))
        return F.gelu(F.linear(x, self.weight, self.bias))


class _LinearGELU(torch.autograd.Function):
    """``gelu(x W^T + b)``, products in ``dtype``: a backward pass runs outside autocast, so the type is explicit."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        ctx.save_for_backward(x, weight, bias)
        ctx.dtype = dtype
        return F.gelu(F.linear(x.to(dtype), weight.to(dtype), bias.to(dtype)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of ``x``, ``weight`` and ``bias``."""
        x, weight, bias = ctx.saved_tensors
        tokens, matrix = x.to(ctx.dtype).flatten(0, -2), weight.to(ctx.dtype)
        inner = F.linear(tokens, matrix, bias.to(ctx.dtype))
        g = torch.ops.aten.gelu_backward(grad.to(ctx.dtype).flatten(0, -2), inner)
        grad_x = (g @ matrix).reshape(x.shape).to(x.dtype) if ctx.needs_input_grad[0] else None
        return grad_x, (g.mT @ tokens).to(weight.dtype), g.sum(0).to(bias.dtype), None
