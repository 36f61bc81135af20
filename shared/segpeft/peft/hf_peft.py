"""LoRA in the files of Hugging Face's peft: ``adapter_config.json`` beside ``adapter_model.safetensors``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segpeft.atomic_files import replacing
from segpeft.errors import InputError

from .apply import Applied, apply_peft
from .checkpoint import trainable_state
from .layouts import find_backbone
from .lora import LOW_RANK, LoRA, LoRALinear, QKVLoRALinear

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
OF_PEFT = "lora_dropout"
"""A module that peft puts into every layer it adapts."""
REFUSED = (
    "use_dora",
    "fan_in_fan_out",
    "lora_bias",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "use_qalora",
)
"""Settings of peft that :class:`LoRA` has no equal of, where they are set."""


def export_peft(network: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Writes the LoRA of ``network`` and all else that was trained as peft saves it.

    ``peft.PeftModel.from_pretrained(plain_network, folder)`` then computes what ``network`` computes. Modules outside
    LoRA that hold trained weights are listed as ``modules_to_save``. Adapters of q, k or v alone become one of the
    fused layer, of as many ranks as they have together.

    Raises:
        InputError: if the method is not LoRA.
    """
    applied: Applied | None = getattr(network, "peft", None)
    if applied is None or not isinstance(applied.method, LoRA):
        raise InputError(f"{applied.method.name if applied else 'no method'}: only LoRA has a form in peft")
    layers = list(_adapted(network, applied.method))
    method, folder = applied.method, Path(folder)
    tensors: dict[str, Tensor] = {}
    ranks, alphas = {}, {}
    for path, layer in layers:
        a, b = _fused(layer) if isinstance(layer, QKVLoRALinear) else (layer.lora_a, layer.lora_b)
        tensors[f"{PREFIX}{path}.lora_A.weight"], tensors[f"{PREFIX}{path}.lora_B.weight"] = a, b
        if a.shape[0] != method.rank:
            ranks[path], alphas[path] = a.shape[0], _alpha(layer.scaling, a.shape[0], method.rank_stabilised)
    saved = _modules_to_save(network)
    state = network.state_dict()
    tensors.update(
        {PREFIX + key: value for key, value in state.items() if any(key.startswith(f"{path}.") for path in saved)}
    )
    config = {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": method.rank,
        "lora_alpha": method.alpha,
        "lora_dropout": method.dropout,
        "use_rslora": method.rank_stabilised,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "target_modules": [path for path, _ in layers],
        "modules_to_save": saved or None,
        "rank_pattern": ranks,
        "alpha_pattern": alphas,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as partial:
        save_file({key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, partial)
    with replacing(folder / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n")


def import_peft(network: nn.Module, folder: str | os.PathLike[str]) -> nn.Module:
    """Applies the LoRA that peft saved to a plain network and loads it.

    Args:
        network: plain, with the base that peft had; changed in place (a bare backbone may be replaced).
        folder: what ``PeftModel.save_pretrained`` wrote.

    Raises:
        InputError: if a file is missing or damaged, is no LoRA, adapts some blocks only, or does not fit the network.
    """
    folder = Path(folder)
    config, tensors = _read(folder)
    method = _method(folder, config, network)
    network = apply_peft(network, method)
    expected = trainable_state(network)
    loaded = {}
    for key, value in tensors.items():
        ours = key.removeprefix(PREFIX).replace(".lora_A.weight", ".lora_a").replace(".lora_B.weight", ".lora_b")
        loaded[ours] = value
    saved = tuple(f"{path}." for path in config.get("modules_to_save") or ())
    missing = sorted(key for key in expected if key not in loaded and (key.rpartition(".")[2] in LOW_RANK))
    extra = sorted(key for key in loaded if key not in expected and not key.startswith(saved or ("\0",)))
    if missing or extra:
        raise InputError(f"{folder / WEIGHTS}: {'lacks ' + missing[0] if missing else 'has the unknown ' + extra[0]}")
    with torch.no_grad():
        for key, tensor in expected.items():
            if key not in loaded:
                continue
            if loaded[key].shape != tensor.shape:
                found = tuple(loaded[key].shape)
                raise InputError(f"{folder / WEIGHTS}: {key} is {found}, {tuple(tensor.shape)} in the network")
            tensor.copy_(loaded[key])
    return network


def _adapted(network: nn.Module, method: LoRA) -> Iterator[tuple[str, LoRALinear | QKVLoRALinear]]:
    for path, layer in network.named_modules():
        if not hasattr(layer, "lora_a"):
            continue
        if type(layer) not in (LoRALinear, QKVLoRALinear):
            raise InputError(f"{method.name}: {path} is a {type(layer).__name__}, only plain LoRA has a form in peft")
        yield path, layer


def _fused(layer: QKVLoRALinear) -> tuple[Tensor, Tensor]:
    """Returns A (P r, in) and B (3 out, P r) that do for the fused layer what the P adapters do for its parts."""
    return layer.lora_a.flatten(0, 1), layer.lora_b_of_all()


def _alpha(scaling: float, rank: int, rank_stabilised: bool) -> float:
    return scaling * (rank**0.5 if rank_stabilised else rank)


def _modules_to_save(network: nn.Module) -> list[str]:
    """Paths of the modules that hold trained weights other than LoRA's, as high up as all below them is trained.

    peft takes every module whose path ends like one of these: one that would name others as well, as ``out`` does
    peft's own ``lora_dropout``, is named by its parts.
    """
    trained = {key for key in trainable_state(network) if key.rpartition(".")[2] not in LOW_RANK}
    paths = [OF_PEFT, *(path for path, _ in network.named_modules())]
    found: list[str] = []

    def visit(path: str, module: nn.Module) -> None:
        inside = {f"{path}.{name}" for name, _ in module.named_parameters()}
        own = {f"{path}.{name}" for name, _ in module.named_parameters(recurse=False)}
        alone = sum(other.endswith(path) for other in paths) == 1
        whole = inside <= trained and alone and not isinstance(module, (nn.ModuleList, nn.ModuleDict))
        if (inside and whole) or own & trained:
            found.append(path)
            return
        for name, child in module.named_children():
            visit(f"{path}.{name}", child)

    for name, child in network.named_children():
        visit(name, child)
    return found


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return dict(config), load_file(folder / WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise InputError(f"{folder}: not what peft saves, {CONFIG} and {WEIGHTS} ({error})") from error


def _method(folder: Path, config: dict[str, Any], network: nn.Module) -> LoRA:
    """Returns the LoRA that a configuration of peft describes for the backbone of ``network``."""
    place = folder / CONFIG
    if config.get("peft_type") != "LORA":
        raise InputError(f"{place}: peft_type is {config.get('peft_type')}, expected LORA")
    if config.get("bias", "none") != "none":
        raise InputError(f"{place}: bias is {config['bias']}, expected none")
    set_ones = [name for name in REFUSED if config.get(name)]
    if set_ones:
        raise InputError(f"{place}: {set_ones[0]} is set, which LoRA of segpeft has no equal of")
    path, backbone, layout = find_backbone(network)
    inside = [f"{path}.{name}" if path else name for name, _ in backbone.named_modules()]
    named = config.get("target_modules") or []
    wanted = {p for p in inside for target in named if p == target or p.endswith(f".{target}")}
    prefix = f"{path}." if path else ""
    targets = tuple(
        target
        for target, inner in layout.targets.items()
        if any(f"{prefix}{block}.{inner}" in wanted for block in layout.blocks(backbone))
    )
    ours = {f"{prefix}{p}" for p in layout.target_paths(backbone, targets)} if targets else set()
    if not ours or ours != wanted:
        odd = sorted(wanted ^ ours)
        raise InputError(f"{place}: target_modules name {odd[0] if odd else 'no layer'} unlike in other blocks")
    return LoRA(
        rank=int(config["r"]),
        alpha=float(config["lora_alpha"]),
        targets=targets,
        dropout=float(config.get("lora_dropout", 0.0)),
        rank_stabilised=bool(config.get("use_rslora", False)),
    )
