"""UNETR's residual block without what can be computed again: normalised activations and the projected shortcut."""

from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.blocks.convolutions import Convolution
from monai.networks.blocks.dynunet_block import UnetResBlock
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from segpeft.peft.adopt import adopt, replace_module
from segpeft.peft.eager import product_dtype, records_gradients

REDUCED = (torch.bfloat16, torch.float16)


class RecomputingResBlock(UnetResBlock):
    """MONAI's residual block (2D and 3D); for the backward pass it keeps two tensors beside input and output, not four.

    ``lrelu(norm(conv2(lrelu(norm(conv1(x))))) + norm(conv3(x)))``: the input of ``conv2`` and the output of the 1 x 1
    ``conv3`` are computed again from what is kept anyway. The definition is the block that it adopts: same output and
    gradients up to rounding, the convolutions' weights included. What that one computes runs here, too, when scripted,
    traced or without gradients. Forward hooks on ``conv2``, ``conv3`` and the norms are not called.
    """

    def forward(self, inp: Tensor) -> Tensor:
        """Maps (B, in, H, W, D) to (B, out, H, W, D)."""
        if not torch.jit.is_scripting():  # noqa: SIM102 - TorchScript leaves the body out only if this stands alone
            if records_gradients():
                return _recomputed(self, inp)
        residual = inp
        if hasattr(self, "conv3"):
            residual = self.norm3(self.conv3(inp))
        out = self.norm2(self.conv2(self.lrelu(self.norm1(self.conv1(inp)))))
        out += residual
        return self.lrelu(out)


def recompute_res_blocks(network: nn.Module) -> nn.Module:
    """Turns MONAI's residual blocks inside ``network`` into :class:`RecomputingResBlock`, in place, and returns it.

    Blocks with another norm than affine-free instance norm, another activation than leaky ReLU, dropout, bias or a
    stride stay as they are.
    """
    for path, module in list(network.named_modules()):
        if type(module) is UnetResBlock and path and _fits(module):
            replace_module(network, path, adopt(module, RecomputingResBlock))
    return network


def _fits(block: UnetResBlock) -> bool:
    """Tells whether the functions below compute what ``block`` does."""
    parts = dict(block.named_children())
    convs = [parts.pop(name) for name in ("conv1", "conv2", "conv3") if name in parts]
    act = parts.pop("lrelu")
    leaky = isinstance(act, nn.LeakyReLU) and act.negative_slope > 0.0
    same_eps = len({getattr(norm, "eps", None) for norm in parts.values()}) == 1
    plain = all(_plain_norm(norm) for norm in parts.values()) and all(_plain_conv(conv) for conv in convs)
    return leaky and same_eps and plain


def _plain_norm(module: nn.Module) -> bool:
    instance = isinstance(module, nn.InstanceNorm2d | nn.InstanceNorm3d)
    return instance and not module.affine and not module.track_running_stats


def _plain_conv(module: nn.Module) -> bool:
    if not isinstance(module, Convolution) or [name for name, _ in module.named_children()] != ["conv"]:
        return False
    conv = module.conv
    if not isinstance(conv, nn.Conv2d | nn.Conv3d):
        return False
    unit = set(conv.stride) == set(conv.dilation) == {1} and conv.groups == 1
    return unit and conv.bias is None and conv.padding_mode == "zeros"


def _recomputed(block: RecomputingResBlock, x: Tensor) -> Tensor:
    dtype = product_dtype(x)
    slope, conv2 = block.lrelu.negative_slope, block.conv2.conv
    shortcut = block.conv3.conv.weight if block.downsample else None
    inner = _NormActConv.apply(block.conv1(x), conv2.weight, list(conv2.padding), block.norm1.eps, slope, dtype)
    return _NormAddAct.apply(inner, x, shortcut, block.norm2.eps, slope, dtype)


class _NormActConv(torch.autograd.Function):
    """``conv(lrelu(norm(x)))``; keeps x and the weight. Types are explicit: a backward pass runs outside autocast."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, padding: list[int], eps: float, slope: float, dtype: torch.dtype
    ) -> Tensor:
        """Maps (B, in, H, W, D) to (B, out, H, W, D); the convolution computes in ``dtype``."""
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.eps, ctx.slope, ctx.dtype = padding, eps, slope, dtype
        act = F.leaky_relu_(_norm(x, eps)[0], slope).to(dtype)
        ones, zeros = [1] * len(padding), [0] * len(padding)
        return torch.convolution(act, weight.to(dtype), None, ones, padding, ones, False, zeros, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of ``x`` and ``weight``."""
        x, weight = ctx.saved_tensors
        normed, mean, rstd = _norm(x, ctx.eps)
        act = F.leaky_relu_(normed, ctx.slope).to(ctx.dtype)
        ones, zeros = [1] * len(ctx.padding), [0] * len(ctx.padding)
        geometry = None, ones, ctx.padding, ones, False, zeros, 1, [True, ctx.needs_input_grad[1], False]
        convolution_backward = torch.ops.aten.convolution_backward
        grad_act, grad_weight, _ = convolution_backward(grad.to(ctx.dtype), act, weight.to(ctx.dtype), *geometry)
        grad_normed = _leaky_backward_(grad_act, act, ctx.slope).to(x.dtype)
        grad_weight = None if grad_weight is None else grad_weight.to(weight.dtype)
        return _norm_backward(grad_normed, x, mean, rstd), grad_weight, None, None, None, None


class _NormAddAct(torch.autograd.Function):
    """``lrelu(norm(y) + norm(W x))``, or ``lrelu(norm(y) + x)`` without W; keeps y, x, W, the output and statistics."""

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, x: Tensor, weight: Tensor | None, eps: float, slope: float, dtype: torch.dtype
    ) -> Tensor:
        """Maps y (B, out, H, W, D) and x (B, in, H, W, D) to (B, out, H, W, D); ``W x`` is computed in ``dtype``."""
        ctx.slope, ctx.dtype = slope, dtype
        out, *stats = _norm(y, eps)
        if weight is None:
            out = out.add_(x)
        else:
            projected, *more = _norm(_project(x, weight, dtype), eps)
            out, stats = out.add_(projected), stats + more
        out = F.leaky_relu_(out, slope)
        ctx.save_for_backward(y, x, weight, out, *stats)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of ``y``, ``x`` and ``weight``."""
        y, x, weight, out, mean, rstd, *more = ctx.saved_tensors
        grad = torch.ops.aten.leaky_relu_backward(grad, out, ctx.slope, True)
        grad_y = _norm_backward(grad, y, mean, rstd)
        if weight is None:
            return grad_y, grad.to(x.dtype), None, None, None, None
        grad = _norm_backward(grad, _project(x, weight, ctx.dtype), *more).flatten(2)  # (B, out, H * W * D)
        matrix = weight.to(ctx.dtype).flatten(1)  # (out, in)
        grad_x = _times(matrix.t(), grad).reshape(x.shape).to(x.dtype) if ctx.needs_input_grad[1] else None
        grad_weight = torch.bmm(grad, x.to(ctx.dtype).flatten(2).transpose(1, 2)).sum(0)
        return grad_y, grad_x, grad_weight.reshape(weight.shape).to(weight.dtype), None, None, None


def _project(x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns the 1 x 1 convolution of x (B, in, H, W, D), as a product of matrices."""
    flat = _times(weight.to(dtype).flatten(1), x.to(dtype).flatten(2))  # (B, out, H * W * D)
    return flat.unflatten(2, x.shape[2:])


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    """Multiplies each of x (B, in, V) by ``matrix (out, in)``; ``torch.matmul`` would copy x in other strides first."""
    return torch.bmm(matrix.expand(x.shape[0], -1, -1), x)


def _leaky_backward_(grad: Tensor, out: Tensor, slope: float) -> Tensor:
    """Turns the gradient of ``out = lrelu(x)`` into that of x, in place."""
    return torch.ops.aten.leaky_relu_backward.grad_input(grad, out, slope, True, grad_input=grad)


def _norm(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Instance norm of x (B, C, H, W, D); with it each map's mean and reciprocal deviation.

    As group norm, which takes less than half of batch norm's time on a CPU; for reduced types as batch norm, as torch's
    own instance norm does it: on a GPU that keeps the statistics in float32.
    """
    batch, channels = x.shape[:2]
    if x.dtype in REDUCED:
        maps = x.reshape(1, batch * channels, *x.shape[2:])
        normed, mean, rstd = torch.native_batch_norm(maps, None, None, None, None, True, 0.0, eps)
        return normed.reshape(x.shape), mean, rstd
    size = x[0, 0].numel()
    return torch.native_group_norm(x.contiguous(), None, None, batch, channels, size, channels, eps)


def _norm_backward(grad: Tensor, x: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    """Returns the gradient of x from that of the first value of :func:`_norm`."""
    batch, channels = x.shape[:2]
    only_x = [True, False, False]
    if x.dtype in REDUCED:
        maps = (1, batch * channels, *x.shape[2:])
        norm_args = None, None, None, mean, rstd, True, 0.0, only_x
        norm_backward = torch.ops.aten.native_batch_norm_backward
        return norm_backward(grad.reshape(maps), x.reshape(maps), *norm_args)[0].reshape(x.shape)
    size = x[0, 0].numel()
    group_args = mean, rstd, None, batch, channels, size, channels, only_x
    return torch.ops.aten.native_group_norm_backward(grad.contiguous(), x.contiguous(), *group_args)[0]
