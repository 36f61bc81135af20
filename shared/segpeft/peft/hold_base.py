"""Holding the frozen base in fewer bytes while adapters are trained or used."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from segpeft.errors import InputError

from .apply import Applied

FORMS = ("bf16", "int8")


def hold_base(network: nn.Module, form: str) -> nn.Module:
    """Rounds the frozen weights of the backbone in place and returns the network.

    Args:
        network: with a method; load its base and its adapters before. Whatever is trained stays as it is.
        form: ``bf16``: frozen layers in bfloat16, see :func:`hold_frozen_in`; the base's sha256 stays what it was.
            ``int8``: the weights of frozen linear layers as 8-bit integers with a scale for each row, by torchao; its
            sha256 is another.

    Raises:
        InputError: if the form is unknown, torchao is missing, or the network carries no method or a trained backbone.
    """
    applied: Applied | None = getattr(network, "peft", None)
    if form not in FORMS:
        raise InputError(f"base in {form!r}: expected one of {', '.join(FORMS)}")
    if applied is None or applied.method.trains_backbone:
        said = "carries no method" if applied is None else f"is trained whole by {applied.method.name}"
        raise InputError(f"{type(network).__name__} {said}: there is no frozen base to hold in {form}")
    if form == "bf16":
        hold_frozen_in(network, torch.bfloat16)
    else:
        _to_int8(network.get_submodule(applied.backbone))
    return network


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


def base_bytes(network: nn.Module) -> int:
    """Returns the bytes of the frozen parameters, as they are held."""
    held = [parameter.detach() for parameter in network.parameters() if not parameter.requires_grad]
    return sum(part.nbytes for tensor in held for part in _parts(tensor))


def dense(weight: Tensor) -> Tensor:
    """Returns a frozen weight as an ordinary tensor, however it is held."""
    return weight if type(weight) in (Tensor, nn.Parameter) else weight.dequantize()


def _to_int8(backbone: nn.Module) -> None:
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise InputError(f"a base in int8 needs torchao: pip install torchao ({error})") from error
    quantize_(backbone, Int8WeightOnlyConfig(), filter_fn=_is_frozen_linear)


def _is_frozen_linear(module: nn.Module, name: str) -> bool:
    return isinstance(module, nn.Linear) and not module.weight.requires_grad


def _parts(tensor: Tensor) -> list[Tensor]:
    """The ordinary tensors that one is made of."""
    if not hasattr(tensor, "__tensor_flatten__") or type(tensor) is Tensor:
        return [tensor]
    names, _ = tensor.__tensor_flatten__()
    return [part for name in names for part in _parts(getattr(tensor, name))]
