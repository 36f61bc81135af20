"""One adapter file out of several: a weighted sum of LoRAs, and DyLoRA cut to a rank."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from segpeft.errors import InputError

from .checkpoint import adapter_header, read_adapter, write_adapter
from .dylora import DyLoRA, truncated
from .lora import LOW_RANK, LoRA
from .registry import method_of

Path = str | os.PathLike[str]


def combine_loras(paths: Sequence[Path], weights: Sequence[float], out: Path) -> LoRA:
    """Writes the adapter file whose update is ``sum_i w_i s B_i A_i``, exactly.

    The ranks are put one after the other: k files of rank r make one of rank k r, ``A = [A_1; ...]`` and
    ``B = [w_1 B_1, ...]``, whose alpha keeps the scaling s. What else was trained (decoder, head) is no sum of updates:
    it becomes the mean, weighted by ``w_i / sum w``.

    Args:
        paths: adapter files of LoRA (or LoRA+) with the same hyper-parameters on the same base.
        weights: one a file, of any sign; their sum must not be 0.
        out: the file to write.

    Returns:
        The method of the file.

    Raises:
        InputError: fewer than two files, another number of weights, a method that is no LoRA, or files that differ.
    """
    if len(paths) < 2 or len(weights) != len(paths):
        raise InputError(
            f"{len(paths)} files, {len(weights)} weights: expected at least two files and a weight for each"
        )
    total = math.fsum(weights)
    if not math.isfinite(total) or total == 0:
        raise InputError(f"weights {list(weights)}: expected finite numbers whose sum is not 0")
    states, headers = zip(*(read_adapter(path) for path in paths), strict=True)
    method = _plain_lora(paths[0], headers[0])
    for path, header, state in zip(paths[1:], headers[1:], states[1:], strict=True):
        for name in ("method", "layout", "base_sha256"):
            if header.get(name) != headers[0].get(name):
                raise InputError(f"{path}: another {name} than {paths[0]}")
        if {key: value.shape for key, value in state.items()} != {key: v.shape for key, v in states[0].items()}:
            raise InputError(f"{path}: other tensors than {paths[0]}")
    parts = {
        key: _summed(key, [state[key] for state in states], weights) if key.rpartition(".")[2] in LOW_RANK
        else _mean([state[key] for state in states], [weight / total for weight in weights])
        for key in states[0]
    }  # fmt: skip
    rank = method.rank * len(paths)
    made = replace(method, rank=rank, alpha=method.alpha * _growth(method, len(paths)))
    _write(out, parts, headers[0], made)
    return made


def truncate_dylora(path: Path, rank: int, out: Path) -> LoRA:
    """Writes the LoRA of the first ``rank`` ranks of an adapter file of DyLoRA; see :func:`segpeft.peft.truncated`.

    Returns:
        The method of the file written.

    Raises:
        InputError: the file is not of DyLoRA, or the rank is out of range.
    """
    state, header = read_adapter(path)
    method = method_of(json.loads(header["method"]))
    if not isinstance(method, DyLoRA):
        raise InputError(f"{path}: is of {method.name}, expected dylora")
    plain, cut = truncated(method, state, rank)
    _write(out, cut, header, plain)
    return plain


def _plain_lora(path: Path, header: Mapping[str, str]) -> LoRA:
    method = method_of(json.loads(header["method"]))
    if method.name not in ("lora", "lora_plus"):
        raise InputError(f"{path}: is of {method.name}, expected lora or lora_plus")
    return cast(LoRA, method)


def _growth(method: LoRA, times: int) -> float:
    """By what alpha has to grow with the rank so that the scaling stays."""
    return math.sqrt(times) if method.rank_stabilised else float(times)


def _summed(key: str, parts: list[Tensor], weights: Sequence[float]) -> Tensor:
    if key.endswith("lora_a"):
        return torch.cat(parts, -2)
    return torch.cat([weight * part for weight, part in zip(weights, parts, strict=True)], -1)


def _mean(parts: list[Tensor], shares: list[float]) -> Tensor:
    if not parts[0].is_floating_point():
        return parts[0]
    return torch.stack([share * part for share, part in zip(shares, parts, strict=True)]).sum(0)


def _write(out: Path, state: dict[str, Tensor], header: Mapping[str, str], method: LoRA) -> None:
    sizes = json.loads(header["bytes"])
    sizes["backbone_peft"] = sum(value.nbytes for value in state.values()) - sizes["task_head"]
    contiguous = {key: value.contiguous() for key, value in state.items()}
    write_adapter(out, contiguous, adapter_header(method, header["layout"], header["base_sha256"], sizes))
