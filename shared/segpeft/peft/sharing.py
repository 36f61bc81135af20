"""Several networks over one set of frozen tensors."""

from __future__ import annotations

import copy

from torch import nn

from .checkpoint import trainable_state


def sharing_copy(network: nn.Module) -> nn.Module:
    """Returns a copy with trainable state of its own; every frozen tensor is the same object as in ``network``.

    Both then hold one base in memory, follow each other to another device or precision, and ``torch.save`` writes the
    base once. ``network`` is not changed.
    """
    own = set(trainable_state(network))
    tensors = [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
    return copy.deepcopy(network, {id(tensor): tensor for name, tensor in tensors if name not in own})


def viewing_copy(network: nn.Module) -> nn.Module:
    """Returns a copy whose tensors lie in the same memory as those of ``network``, but are objects of their own.

    What is frozen, trained or replaced in the copy is so in the copy alone; what is written into its tensors is written
    into those of ``network``, unless :func:`own_tensors` parted them before.
    """
    memo: dict[int, object] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach(), parameter.requires_grad)
    for buffer in network.buffers():
        memo[id(buffer)] = buffer.detach()
    return copy.deepcopy(network, memo)


def own_tensors(network: nn.Module, names: set[str]) -> None:
    """Gives the named parameters and buffers of ``network`` memory of their own."""
    for module_name, module in network.named_modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if (f"{module_name}.{name}" if module_name else name) in names:
                tensor.data = tensor.data.clone()
