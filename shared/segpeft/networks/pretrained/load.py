"""Loading a pre-trained encoder: every tensor is accounted for, and a missing one refuses."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Set

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import Applied, find_backbone

from .encoder import Encoder
from .fit import fit, flat_grid
from .report import LoadReport
from .settings import differences, settings_of_backbone, settings_of_file, words
from .sources import encoder_in
from .weight_file import WeightFile, read_weights

log = logging.getLogger("segpeft")
COMPUTED = "relative_position_index"
"""Entries of a backbone's state that follow from its construction."""
AFTER_THE_BLOCKS = r"norm\.(weight|bias)|layers4\.0\.downsample\..*"
"""Tensors of a file behind the last block: a backbone without them computes the same features."""


def load_base(
    network: nn.Module, path: str | os.PathLike[str] | None, allow_missing: bool = False
) -> LoadReport | None:
    """Loads a pre-trained encoder into the backbone of ``network``, before or after ``apply_peft``.

    Args:
        network: a network whose backbone is MONAI's ViT or SwinTransformer, in 2D or 3D.
        path: the weight file, of any of :data:`segpeft.networks.pretrained.sources.SOURCES`; None keeps the random
            initialisation and warns if that is going to stay frozen.
        allow_missing: load although backbone tensors are missing from the file.

    Raises:
        InputError: if the file is not readable or of no known source, if its encoder has other settings than the
            network's (each is named), if it lacks tensors or has some that the network's encoder has no place for.
    """
    applied: Applied | None = getattr(network, "peft", None)
    if path is None:
        if applied is not None and not applied.method.trains_backbone:
            log.warning(
                "%s freezes a randomly initialised backbone: no pretrained_encoder was given", applied.method.name
            )
        return None
    file = read_weights(path)
    source, encoder = encoder_in(file)
    _, backbone, _ = find_backbone(network)
    own = {
        key: value
        for key, value in backbone.state_dict().items()
        if (applied is None or key in applied.base_keys) and not key.endswith(COMPUTED)
    }
    _check_settings(encoder, settings_of_backbone(backbone, own), source.NAME, file)
    report, loaded = _fit_all(encoder, own, backbone, source.NAME, file)
    log.info("%s: %s", path, report)
    if report.missing and not allow_missing:
        raise InputError(f"{path}: lacks {len(report.missing)} tensors of the backbone, first {report.missing[0]}")
    with torch.no_grad():
        for key, value in loaded.items():
            own[key].copy_(value)
    return report


def _check_settings(encoder: Encoder, needed: dict[str, object], name: str, file: WeightFile) -> None:
    """Refuses an encoder that differs in its settings, by the names of all knobs that differ.

    What has no parameters (``norm_eps``, ``activation``) is refused, too, and not set here: a network that is built
    for evaluation from the same knobs would compute something else.

    Raises:
        InputError: if a setting differs.
    """
    given = settings_of_file(encoder)
    names = differences(given, needed)
    if names:
        raise InputError(
            f"{file.path}: holds an encoder ({name}) of {words(given, names)}; "
            f"the encoder needs {words(needed, names)}: change the settings of the network's encoder"
        )


def _fit_all(
    encoder: Encoder, own: Mapping[str, Tensor], backbone: nn.Module, name: str, file: WeightFile
) -> tuple[LoadReport, dict[str, Tensor]]:
    """Returns the report and the tensors to load, by backbone key.

    Raises:
        InputError: if a shape does not fit or a tensor has no place.
    """
    report, loaded, grid = LoadReport(name), {}, flat_grid(encoder, own)
    for key, value in own.items():
        if key not in encoder.tensors:
            report.missing.append(key)
            continue
        given = encoder.tensors[key]
        fitted = fit(key, given, value, backbone, grid)
        if fitted is None or fitted.value.shape != value.shape:
            raise InputError(f"{file.path}: {key} is {tuple(given.shape)}, the encoder needs {tuple(value.shape)}")
        change = ", ".join(filter(None, (encoder.changes.get(key), fitted.change)))
        if change:
            report.converted[key] = change
        else:
            report.matched.append(key)
        loaded[key] = fitted.value
    report.left_out = _left_out(encoder, own, backbone.state_dict().keys(), file)
    used = {origin for key in loaded for origin in encoder.origins[key]}
    report.unexpected = [key for key in file.tensors if key not in used]
    return report, loaded


def _left_out(encoder: Encoder, own: Mapping[str, Tensor], known: Set[str], file: WeightFile) -> list[str]:
    """Returns which blocks of a Swin file a network with fewer in that stage does not use.

    Adapters that a file of a trained network holds and the backbone has as well (``known``) are left to whoever loads
    those.

    Raises:
        InputError: if any other tensor of the encoder has no place in the network's.
    """
    depths: dict[str, set[int]] = {}
    for key in own:
        if found := re.match(r"(layers\d)\.0\.blocks\.(\d+)\.", key):
            depths.setdefault(found[1], set()).add(int(found[2]))
    surplus: dict[str, set[int]] = {}
    for key in encoder.tensors.keys() - own.keys() - known:
        found = re.match(r"(layers\d)\.0\.blocks\.(\d+)\.", key)
        if found and int(found[2]) > max(depths.get(found[1], {-1})) >= 0:
            surplus.setdefault(found[1], set()).add(int(found[2]))
        elif not re.fullmatch(AFTER_THE_BLOCKS, key):
            raise InputError(f"{file.path}: {encoder.origins[key][0]} has no place in the network's encoder")
    return [f"blocks {sorted(surplus[stage])} of {stage}" for stage in sorted(surplus)]
