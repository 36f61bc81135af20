"""Putting a method into a network: the one place that freezes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monai.networks.layers.drop_path import DropPath
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from segpeft.errors import InputError

from .adopt import replace_module
from .dropout import set_dropout
from .layouts import Layout, find_backbone
from .method import Method
from .registry import method_from


@dataclass(frozen=True)
class Applied:
    """What :func:`apply_peft` did to a network; kept on it as ``network.peft``.

    Args:
        method: the method that was applied.
        layout: name of the backbone's layout.
        backbone: path of the backbone in the network, "" if it is the network itself.
        base_keys: state-dict keys of the backbone as it was before, relative to it.
        frozen_modules: paths in the network of the frozen modules that act otherwise in training than in evaluation:
            dropout, stochastic depth, batch norm.
    """

    method: Method
    layout: str
    backbone: str
    base_keys: frozenset[str]
    frozen_modules: tuple[str, ...] = ()

    def in_backbone(self, name: str) -> bool:
        """Tells whether the parameter or module ``name`` of the network lies in the backbone."""
        return not self.backbone or name == self.backbone or name.startswith(self.backbone + ".")


def apply_peft(
    network: nn.Module,
    method: Method | str | Mapping[str, Any],
    layout: Layout | None = None,
    dropout: float | None = None,
) -> nn.Module:
    """Freezes the backbone of ``network``, injects ``method`` and returns the network.

    The names of all weights that the network had before are the same afterwards, so a pre-trained state dict loads
    before or after. What lies outside the backbone (fusion, decoder, head) stays trainable.

    Args:
        network: a network that holds a backbone of a known layout; changed in place (a bare backbone may be replaced).
        method: what to inject: a :class:`segpeft.peft.Method`, or whatever :func:`segpeft.peft.method_from` takes for
            one, such as ``"bitfit"`` or the path of a JSON file.
        layout: overrides the layout found by the backbone's class.
        dropout: rate of all dropout layers, see :func:`segpeft.peft.set_dropout`; None leaves them as they were built.
            MONAI Label sets it where it scores images by their uncertainty.

    Raises:
        InputError: if a method was applied before, it does not fit, no layout fits, a target does not exist, or
            ``dropout`` is out of range.
    """
    applied: Applied | None = getattr(network, "peft", None)
    if applied is not None:
        raise InputError(f"{type(network).__name__} already carries {applied.method.name}: build a fresh network")
    method = method_from(method)
    method.check(network)
    path, backbone, layout = find_backbone(network, layout)
    before, base_keys = set(network.state_dict()), frozenset(backbone.state_dict())
    frozen = [] if method.trains_backbone else [p for n, p in backbone.named_parameters() if layout.is_frozen(n)]
    frozen = [parameter for parameter in frozen if parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    frozen_modules = () if method.trains_backbone else tuple(_noisy(backbone, path))
    try:
        injected = method.inject(backbone, layout)
    except InputError:  # refused: the network is as trainable as it was
        for parameter in frozen:
            parameter.requires_grad_(True)
        raise
    if path and injected is not backbone:
        replace_module(network, path, injected)
    network = network if path else injected
    lost = sorted(before - set(network.state_dict()))
    if lost:
        raise RuntimeError(f"{method.name} renamed or removed base weights, first {lost[0]}")
    if dropout is not None:
        set_dropout(network, dropout)
    network.peft = Applied(method, layout.name, path, base_keys, frozen_modules)  # type: ignore[assignment]
    return network


def applied_to(network: nn.Module) -> Applied:
    """Returns what :func:`apply_peft` did to ``network``.

    Raises:
        InputError: nothing was done to it.
    """
    applied = getattr(network, "peft", None)
    if applied is None:
        raise InputError(f"{type(network).__name__} carries no method: pass it through apply_peft first")
    return applied


def _noisy(backbone: nn.Module, path: str) -> Iterator[str]:
    for name, module in backbone.named_modules():
        trained = any(parameter.requires_grad for parameter in module.parameters())
        if isinstance(module, (_DropoutNd, _NormBase, DropPath)) and not trained:
            yield ".".join(part for part in (path, name) if part)


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters an optimizer gets."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Returns the trainable parameters as groups of an optimizer, one for each ratio of learning rates.

    A group has the entry ``lr_ratio``, by which the schedules of :mod:`segpeft.engines` multiply the rate; with most
    methods there is one group, of ratio 1.
    """
    method: Method | None = getattr(getattr(network, "peft", None), "method", None)
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(method.lr_ratio(name) if method else 1.0, []).append(parameter)
    return [{"params": parameters, "lr_ratio": ratio} for ratio, parameters in groups.items() if parameters]


def count_parameters(network: nn.Module) -> dict[str, int]:
    """Counts the parameters of a network.

    Returns:
        ``total``, ``trainable``, and of the trainable those in the backbone (``backbone_peft``) and not
        (``task_head``). Of a weight in ``network.partly_trained`` only as many values are trained as it says.
    """
    applied: Applied | None = getattr(network, "peft", None)
    partly: dict[str, int] = getattr(network, "partly_trained", {})
    counts = {"total": 0, "trainable": 0, "backbone_peft": 0, "task_head": 0}
    for name, parameter in network.named_parameters():
        counts["total"] += parameter.numel()
        if parameter.requires_grad:
            trained = partly.get(name, parameter.numel())
            counts["trainable"] += trained
            inside = applied is not None and applied.in_backbone(name)
            counts["backbone_peft" if inside else "task_head"] += trained
    return counts
