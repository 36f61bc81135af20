"""Adapter files: the trainable state of a network as safetensors, tied to the base it belongs to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from segpeft import __version__
from segpeft.errors import InputError
from segpeft.tensor_files import write_tensors

from .adapter_match import check_adapter
from .apply import applied_to
from .method import Method

FORMAT = "segpeft-adapter"


def trainable_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns the trainable parameters and the buffers of the modules that hold them, by state-dict name."""
    state: dict[str, Tensor] = {}
    saved = network.state_dict()
    for path, module in network.named_modules():
        own = {name: p for name, p in module.named_parameters(recurse=False) if p.requires_grad}
        names = [*own, *(name for name, _ in module.named_buffers(recurse=False))] if own else []
        for name in names:
            key = f"{path}.{name}" if path else name
            if key in saved:  # buffers that are not persistent are no state
                state[key] = saved[key]
    return state


def base_sha256(network: nn.Module) -> str:
    """Returns the sha256 over names, shapes and values of the frozen parameters, values rounded to bfloat16.

    Rounding makes the hash the same whether the base is held in float32 or bfloat16.
    """
    digest = hashlib.sha256()
    for name, parameter in sorted(network.named_parameters()):
        if not parameter.requires_grad:
            digest.update(f"{name}{tuple(parameter.shape)}".encode())
            value = parameter.detach().to(torch.bfloat16).contiguous().view(torch.uint8)
            digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()


def save_adapter(network: nn.Module, path: str | os.PathLike[str]) -> dict[str, int]:
    """Writes the trainable state of ``network``, in float32, to a safetensors file; the file is replaced atomically.

    The header holds format, package version, method with its hyper-parameters, sha256 of the base, and bytes a group.

    Returns:
        Bytes of ``backbone_peft`` (inside the backbone) and ``task_head`` (fusion, decoder, head).
    """
    header = network_header(network)
    write_adapter(path, adapter_state(network), header)
    return dict(json.loads(header["bytes"]))


def adapter_state(network: nn.Module) -> dict[str, Tensor]:
    """Returns the trainable state as an adapter file holds it: float32, on the CPU, sharing memory where it can."""
    return {
        key: (value.float() if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in trainable_state(network).items()
    }


def adapter_bytes(network: nn.Module) -> dict[str, int]:
    """Returns the bytes that the adapter file of ``network`` has for ``backbone_peft`` and ``task_head``."""
    applied = applied_to(network)
    sizes = {"backbone_peft": 0, "task_head": 0}
    for key, value in trainable_state(network).items():
        item = 4 if value.is_floating_point() else value.element_size()
        sizes["backbone_peft" if applied.in_backbone(key) else "task_head"] += item * value.numel()
    return sizes


def network_header(network: nn.Module) -> dict[str, str]:
    """Returns the header of an adapter file of ``network`` as it is now.

    Raises:
        InputError: it carries no method.
    """
    applied = applied_to(network)
    return adapter_header(applied.method, applied.layout, base_sha256(network), adapter_bytes(network))


def adapter_header(method: Method, layout: str, base: str, sizes: Mapping[str, int]) -> dict[str, str]:
    """Returns the header of an adapter file.

    Args:
        method: that trained it.
        layout: name of the backbone's layout.
        base: sha256 of the base, of :func:`base_sha256`.
        sizes: bytes of ``backbone_peft`` and ``task_head``.
    """
    return {
        "format": FORMAT,
        "segpeft_version": __version__,
        "method": json.dumps(method.describe(), sort_keys=True),
        "layout": layout,
        "base_sha256": base,
        "bytes": json.dumps(dict(sizes)),
    }


def write_adapter(path: str | os.PathLike[str], state: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Writes tensors and header of an adapter file, which is replaced atomically."""
    write_tensors(Path(path), state, header)


def read_adapter(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Returns the tensors and the header of an adapter file.

    Raises:
        InputError: if the file is missing, damaged, or not written by :func:`save_adapter`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from error
    if header.get("format") != FORMAT:
        raise InputError(f"{path}: no adapter file of segpeft (format {header.get('format')!r}, expected {FORMAT!r})")
    lacking = [name for name in ("method", "base_sha256") if name not in header]
    if lacking:
        raise InputError(f"{path}: the header lacks {lacking[0]}")
    return state, header


def load_adapter(network: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Loads an adapter file into a network with the same base and method; strict in both directions.

    Raises:
        InputError: naming the file and the difference, if the method or one of its hyper-parameters, the base's sha256,
            a key or a shape differs.
    """
    state, header = read_adapter(path)
    load_adapter_state(network, state, header, str(path))
    return network


def load_adapter_state(
    network: nn.Module,
    state: Mapping[str, Tensor],
    header: Mapping[str, str],
    source: str,
    places: tuple[str, str] = ("in the file", "in the network"),
) -> None:
    """Loads the tensors of an adapter, wherever they come from, as strictly as :func:`load_adapter`.

    Args:
        network: with the same base and method.
        state: the tensors.
        header: of the adapter.
        source: begins every message.
        places: where the adapter's and the network's values stand, in the words of the messages.

    Raises:
        InputError: see :func:`load_adapter`; nothing is changed then.
    """
    expected = trainable_state(network)
    check_adapter(state, header, expected, network_header(network), source, places)
    with torch.no_grad():
        for key, value in state.items():
            expected[key].copy_(value)
