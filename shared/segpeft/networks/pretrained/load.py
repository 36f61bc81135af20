"""Loading a pre-trained encoder: every tensor is accounted for, and a missing one refuses."""

from __future__ import annotations

import json
import logging
import os
import pickle
from dataclasses import dataclass, field

import torch
from monai.networks.nets.vit import ViT
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from segpeft.errors import InputError, reason_of
from segpeft.peft import Applied, find_backbone

from . import monai_mae, monai_vit
from .position import cubic_grid, resize_position_embedding

log = logging.getLogger("segpeft")
SOURCES = (monai_mae, monai_vit)
POSITION = "patch_embedding.position_embeddings"
PATCHES = "patch_embedding.patch_embeddings.weight"


@dataclass
class LoadReport:
    """What became of each tensor of a file and of the backbone.

    Args:
        source: name of the source the file was recognised as.
        matched: backbone keys loaded as they are.
        converted: backbone keys loaded after a change, with the change.
        missing: backbone keys that the file does not have.
        unexpected: keys of the file that were not used.
    """

    source: str
    matched: list[str] = field(default_factory=list)
    converted: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line with the four counts."""
        changes = "".join(f"; {key}: {change}" for key, change in self.converted.items())
        return (
            f"{self.source}: {len(self.matched)} matched, {len(self.converted)} converted, "
            f"{len(self.missing)} missing, {len(self.unexpected)} unexpected{changes}"
        )


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Returns the state dict of a ``.safetensors``, ``.pt`` or ``.pth`` file and the header of the first kind.

    Raises:
        InputError: if the file is missing, damaged, or holds anything but tensors (it is opened weights-only).
    """
    try:
        if str(path).endswith(".safetensors"):
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a readable weight file ({reason_of(error)})") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path}: expected a state dict of tensors, possibly under 'state_dict' or 'model'")
    return {key.removeprefix("module."): value for key, value in content.items()}, {}


def _grids(value: Tensor, vit: ViT, header: dict[str, str]) -> tuple[list[int] | None, list[int] | None]:
    """Returns the token grids of the file and of the encoder, as far as they are known or must be cubes."""
    dims = next(vit.patch_embedding.patch_embeddings.parameters()).dim() - 2
    tokens = vit.patch_embedding.position_embeddings.shape[1]
    target = getattr(vit, "grid", None) or cubic_grid(tokens, dims)
    if "grid" in header:
        return json.loads(header["grid"]), target
    return (target if value.shape[1] == tokens else cubic_grid(value.shape[1], dims)), target


def load_base(
    network: nn.Module, path: str | os.PathLike[str] | None, allow_missing: bool = False
) -> LoadReport | None:
    """Loads a pre-trained encoder into the backbone of ``network``, before or after ``apply_peft``.

    Args:
        network: a network whose backbone is MONAI's ViT.
        path: the weight file; None keeps the random initialisation and warns if that is going to stay frozen.
        allow_missing: load although backbone tensors are missing from the file.

    Raises:
        InputError: if the file is not readable, of no known source, of another width or patch size, or lacks tensors.
    """
    applied: Applied | None = getattr(network, "peft", None)
    if path is None:
        if applied is not None and not applied.method.trains_backbone:
            log.warning(
                "%s freezes a randomly initialised backbone: no pretrained_encoder was given", applied.method.name
            )
        return None
    state, header = read_weights(path)
    source = next((source for source in SOURCES if source.matches(state)), None)
    if source is None:
        raise InputError(f"{path}: no known source of encoder weights (known: {', '.join(s.NAME for s in SOURCES)})")
    _, backbone, _ = find_backbone(network)
    own = {k: v for k, v in backbone.state_dict().items() if applied is None or k in applied.base_keys}
    encoder = source.encoder_state(state)
    report = _load(backbone, own, encoder, source.NAME, header, path)  # type: ignore[arg-type]
    used = {id(encoder[key]) for key in (*report.matched, *report.converted)}
    report.unexpected = [key for key, value in state.items() if id(value) not in used]
    log.info("%s: %s", path, report)
    if report.missing and not allow_missing:
        raise InputError(f"{path}: lacks {len(report.missing)} tensors of the backbone, first {report.missing[0]}")
    return report


def _check_patches(own: dict[str, Tensor], state: dict[str, Tensor], path: object) -> None:
    """Refuses an encoder of other patches or width by the names of the knobs, not of a tensor.

    Raises:
        InputError: if the two patch embeddings differ.
    """
    ours, given = own.get(PATCHES), state.get(PATCHES)
    if ours is None or given is None or ours.shape == given.shape or min(ours.ndim, given.ndim) < 4:
        return
    kinds = [
        f"hidden_size {weight.shape[0]}, patch_size {list(weight.shape[2:])}, {weight.shape[1]} channel(s)"
        for weight in (given, ours)
    ]
    raise InputError(f"{path}: holds an encoder of {kinds[0]}; the encoder needs {kinds[1]}")


def _load(
    vit: ViT, own: dict[str, Tensor], state: dict[str, Tensor], name: str, header: dict[str, str], path: object
) -> LoadReport:
    _check_patches(own, state, path)
    report, loaded = LoadReport(name), {}
    for key, value in own.items():
        if key not in state:
            report.missing.append(key)
            continue
        given = state[key]
        source, target = _grids(given, vit, header) if key == POSITION else (None, None)
        if source != target and source and target and given.shape[2] == value.shape[2]:
            given = resize_position_embedding(given, source, target)
            report.converted[key] = f"resized from grid {source} to {target}"
        elif given.shape != value.shape:
            raise InputError(f"{path}: {key} is {tuple(given.shape)}, the encoder needs {tuple(value.shape)}")
        else:
            report.matched.append(key)
        loaded[key] = given
    with torch.no_grad():
        for key, given in loaded.items():
            own[key].copy_(given)
    return report
