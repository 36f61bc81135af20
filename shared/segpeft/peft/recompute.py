"""Channel LoRA that keeps neither LayerNorm's nor GELU's output for the backward pass."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .adopt import adopt, replace_module
from .channel_lora_linear import ChannelLoRALinear
from .eager import product_dtype, records_gradients
from .hosts import TransformerBlockHost, host_backbone
from .layouts import Layout


class RecomputingBlock(TransformerBlockHost):
    """A transformer block of channel LoRA whose adapted layers recompute what stands in front of them.

    A frozen layer needs no input for its backward pass, but the ``A`` of an adapter beside it does: for LoRA alone
    torch keeps the outputs of both norms and of GELU, 6 of 16 values a token and unit of width. Here they are computed
    again in the backward pass from what is kept anyway, at the price of elementwise work. The definition is the block
    that it adopts: same outputs and gradients up to rounding. What that one computes runs here, too, when scripted,
    traced or without gradients, and wherever a norm or base weight is trained, a dropout is on, or attention is not
    torch's fused kernel. Forward hooks on the layers inside are not called.
    """

    def attn_branch(self, x: Tensor, grid: list[int] | None = None) -> Tensor:
        """Returns ``attn(norm1(x))`` of tokens (C * B, N, d), channels slowest."""
        if not torch.jit.is_scripting():  # noqa: SIM102 - TorchScript leaves the body out only if this stands alone
            if records_gradients() and _attention_fits(self):
                return _attention(self, x)
        return self.attn(self.norm1(x))

    def mlp_branch(self, x: Tensor) -> Tensor:
        """Returns ``mlp(norm2(x))`` of tokens (C * B, N, d), channels slowest."""
        if not torch.jit.is_scripting():  # noqa: SIM102
            if records_gradients() and _mlp_fits(self):
                return _layer(self.mlp.linear2, _layer(self.mlp.linear1, x, self.norm2), self.mlp.fn)
        return self.mlp(self.norm2(x))


def recompute_blocks(backbone: nn.Module, layout: Layout) -> nn.Module:
    """Returns ``backbone`` with its ViT blocks as :class:`RecomputingBlock`; other blocks compute as before."""
    backbone = host_backbone(backbone, layout)
    for path in layout.blocks(backbone):
        block = backbone.get_submodule(path)
        if type(block) is TransformerBlockHost:
            replace_module(backbone, path, adopt(block, RecomputingBlock))
    return backbone


def _frozen(layer: nn.Linear | nn.LayerNorm) -> bool:
    return not any(parameter is not None and parameter.requires_grad for parameter in (layer.weight, layer.bias))


def _off(dropout: nn.Dropout | nn.Identity) -> bool:
    return isinstance(dropout, nn.Identity) or not dropout.training or dropout.p == 0.0


def _attention_fits(block: RecomputingBlock) -> bool:
    """Tells whether the block's attention is what :func:`_attention` computes."""
    attn = block.attn
    fused = bool(attn.use_flash_attention and attn.use_combined_linear and attn.include_fc)
    special = bool(attn.causal) or attn.attention_dtype is not None or attn.dropout_rate > 0.0
    return fused and not special and _frozen(block.norm1)


def _mlp_fits(block: RecomputingBlock) -> bool:
    mlp = block.mlp
    exact = isinstance(mlp.fn, nn.GELU) and mlp.fn.approximate == "none"
    return exact and _off(mlp.drop1) and _off(mlp.drop2) and _frozen(block.norm2)


def _attention(block: RecomputingBlock, x: Tensor) -> Tensor:
    """Attention without a copy: q, k, v are views of one tensor, and so is what the projection gets from the heads."""
    attn = block.attn
    qkv = _layer(attn.qkv, x, block.norm1).unflatten(-1, (3, attn.num_heads, -1))  # (C * B, N, 3, heads, d / heads)
    q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # (C * B, heads, N, d / heads) each
    heads = F.scaled_dot_product_attention(q, k, v, scale=attn.scale)
    return _layer(attn.out_proj, heads.transpose(1, 2).flatten(2))


def _layer(linear: nn.Module, x: Tensor, before: nn.Module | None = None) -> Tensor:
    """Returns ``linear(before(x))``; if that is adapted, ``before`` (LayerNorm or GELU) is recomputed in backward.

    A frozen layer that is not adapted keeps no input anyway.
    """
    adapted = isinstance(linear, ChannelLoRALinear) and _frozen(linear)
    if not adapted or not _off(linear.lora_dropout):  # type: ignore[arg-type]
        return linear(x if before is None else before(x))
    norm = (before.weight, before.bias, before.eps) if isinstance(before, nn.LayerNorm) else (None, None, 0.0)
    layer = linear.lora_a, linear.lora_b, linear.scaling, linear.weight, linear.bias
    return _AdaptedLinear.apply(x, *layer, *norm, isinstance(before, nn.GELU), product_dtype(x))


class _AdaptedLinear(torch.autograd.Function):
    """``y_c = W p(x_c) + b + s B_c A_c p(x_c)`` with p LayerNorm, GELU or nothing; keeps x and the parameters only.

    ``W, b`` and the norm get no gradient. All types are explicit, because a backward pass runs outside autocast:
    products are computed in ``dtype``, the norm in the wider one of its input's and its weight's.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        lora_a: Tensor,
        lora_b: Tensor,
        scaling: float,
        weight: Tensor,
        bias: Tensor | None,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        eps: float,
        gelu: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        """Maps ``x (C * B, N, in)``, channels slowest, to ``(C * B, N, out)``."""
        ctx.save_for_backward(x, lora_a, lora_b, weight, norm_weight, norm_bias)
        ctx.scaling, ctx.eps, ctx.gelu, ctx.dtype = scaling, eps, gelu, dtype
        z = _before(x, norm_weight, norm_bias, eps, gelu)[0].to(dtype)
        y = F.linear(z, weight.to(dtype), None if bias is None else bias.to(dtype))
        low = torch.bmm(_by_channel(z, lora_a), lora_a.to(dtype).transpose(1, 2))  # (C, B * N, r)
        _by_channel(y, lora_a).baddbmm_(low, lora_b.to(dtype).transpose(1, 2), alpha=scaling)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of ``x``, ``lora_a`` and ``lora_b``."""
        x, lora_a, lora_b, weight, norm_weight, norm_bias = ctx.saved_tensors
        a, b = lora_a.to(ctx.dtype), lora_b.to(ctx.dtype)
        inner, *stats = _before(x, norm_weight, norm_bias, ctx.eps, ctx.gelu)
        z = _by_channel(inner.to(ctx.dtype), a)  # (C, B * N, in)
        g = _by_channel(grad.to(ctx.dtype), a)  # (C, B * N, out)
        low = torch.bmm(z, a.transpose(1, 2))  # (C, B * N, r): cheap to compute again
        grad_low = torch.bmm(g, b).mul_(ctx.scaling)
        grad_a = torch.bmm(grad_low.transpose(1, 2), z).to(lora_a.dtype)
        grad_b = torch.bmm(g.transpose(1, 2), low).mul_(ctx.scaling).to(lora_b.dtype)
        grad_x: Tensor | None = None
        if ctx.needs_input_grad[0]:
            grad_z = torch.mm(g.flatten(0, 1), weight.to(ctx.dtype))  # (C * B * N, in)
            grad_z = _by_channel(grad_z, a).baddbmm_(grad_low, a).reshape(x.shape)
            grad_x = _before_backward(grad_z, x, stats, norm_weight, norm_bias, ctx.gelu).to(x.dtype)
        return grad_x, grad_a, grad_b, *[None] * 8


def _by_channel(tokens: Tensor, lora: Tensor) -> Tensor:
    """Views tokens (C * B, N, d) as (C, B * N, d), C as many as ``lora`` has."""
    return tokens.reshape(lora.shape[0], -1, tokens.shape[-1])


def _before(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, gelu: bool) -> tuple[Tensor, ...]:
    """Returns what the linear layer sees; after a norm its mean and reciprocal deviation, too."""
    if weight is None:
        return (F.gelu(x),) if gelu else (x,)
    wide = torch.promote_types(x.dtype, weight.dtype)
    shift = None if bias is None else bias.to(wide)
    return torch.native_layer_norm(x.to(wide), x.shape[-1:], weight.to(wide), shift, eps)


def _before_backward(
    grad: Tensor, x: Tensor, stats: list[Tensor], weight: Tensor | None, bias: Tensor | None, gelu: bool
) -> Tensor:
    """Returns the gradient of ``x`` from that of the first value of :func:`_before`; ``stats`` are the others."""
    if weight is None:
        return torch.ops.aten.gelu_backward(grad.to(x.dtype), x) if gelu else grad
    wide = torch.promote_types(x.dtype, weight.dtype)
    affine = weight.to(wide), None if bias is None else bias.to(wide)
    only_x = [True, False, False]
    norm_backward = torch.ops.aten.native_layer_norm_backward
    return norm_backward(grad.to(wide), x.to(wide), x.shape[-1:], *stats, *affine, only_x)[0]
