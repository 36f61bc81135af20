"""Making one tensor of a file fit its place in a backbone: another grid, window, number of channels or dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import POSITION, SWIN_PATCHES, VIT_PATCHES, Encoder
from .position import cubic_grid, resize_position_embedding


@dataclass(frozen=True)
class Fitted:
    """A tensor that fits, and what was done to it ("" if nothing)."""

    value: Tensor
    change: str = ""


def fit(name: str, given: Tensor, own: Tensor, backbone: nn.Module, grid: list[int] | None) -> Fitted | None:
    """Returns ``given`` in the shape of ``own``, or None if there is no way.

    Args:
        name: of both, MONAI's.
        given: the tensor of the file.
        own: that of the backbone.
        backbone: knows its token grid and its windows.
        grid: token grid of the file's position embedding, None if it is not known.
    """
    if name == POSITION:
        return _position(given, own, backbone, grid)
    if name in (VIT_PATCHES, SWIN_PATCHES):
        return _patches(given, own)
    if name.endswith("relative_position_bias_table"):
        return _bias_table(given, own, backbone.get_submodule(name.rpartition(".")[0]))
    if (
        name.endswith(("rel_pos_h", "rel_pos_w"))
        and given.shape[0] != own.shape[0]
        and given.shape[1:] == own.shape[1:]
    ):
        resized = F.interpolate(given.float().T.unsqueeze(0), size=own.shape[0], mode="linear")[0].T
        return Fitted(resized, f"resized from {given.shape[0]} to {own.shape[0]} offsets")
    return Fitted(given) if given.shape == own.shape else None


def flat_grid(encoder: Encoder, own: Mapping[str, Tensor]) -> list[int] | None:
    """Returns the square token grid of slices that go into a backbone of volumes, where the file names none.

    Without it 64 tokens of a plane could be taken for a cube.
    """
    given, ours = encoder.tensors.get(VIT_PATCHES), own.get(VIT_PATCHES)
    if encoder.grid or given is None or ours is None or (given.ndim, ours.ndim) != (4, 5):
        return encoder.grid
    position = encoder.tensors.get(POSITION)
    return None if position is None else cubic_grid(position.shape[1], 2)


def backbone_grid(backbone: nn.Module) -> list[int] | None:
    """Returns the token grid of a ViT's position embedding, as far as it is known or must be a cube."""
    embedding: Any = backbone.patch_embedding
    grid: Any = getattr(backbone, "grid", None) or getattr(embedding, "grid", None)
    if grid:
        return [int(size) for size in grid]
    dims = next(embedding.patch_embeddings.parameters()).ndim - 2  # 0 of a perceptron, which does not show them
    return cubic_grid(embedding.position_embeddings.shape[1], dims) if dims else None


def _position(given: Tensor, own: Tensor, backbone: nn.Module, source: list[int] | None) -> Fitted | None:
    """Resizes a position embedding; one of slices is repeated along the depth of a volume."""
    target = backbone_grid(backbone)
    if given.ndim != 3 or given.shape[2] != own.shape[2]:
        return None
    if target is None or (source is None and given.shape == own.shape):
        return Fitted(given) if given.shape == own.shape else None
    known = source or cubic_grid(given.shape[1], len(target)) or cubic_grid(given.shape[1], 2)
    if known is None or len(known) > len(target):
        return None
    plane = target[: len(known)]
    change = ""
    if list(known) != plane:
        given = resize_position_embedding(given, known, plane)
        change = f"resized from grid {list(known)} to {plane}"
    if len(known) < len(target):
        given = given.repeat_interleave(target[2], dim=1)  # depth is the fastest axis of the tokens
        change = f"{change}, then inflated" if change else "inflated"
        change += f": repeated for {target[2]} tokens along the depth"
    return Fitted(given, change)


def _patches(given: Tensor, own: Tensor) -> Fitted | None:
    """Brings the kernel of a patch embedding to other channels, and from slices to volumes."""
    changes = []
    if given.ndim not in (own.ndim, own.ndim - 1):
        return None
    if given.shape[1] != own.shape[1]:
        if given.shape[1] not in (1, 3):
            return None  # neither grey nor colour: its channels mean something
        changes.append(f"{given.shape[1]} channel(s) to {own.shape[1]}")
        given = channels(given, own.shape[1])
    if given.ndim == 4 and own.ndim == 5:
        depth = own.shape[4]
        given = given.unsqueeze(-1).expand(*[-1] * 4, depth) / depth
        changes.append(f"inflated: repeated along the depth and divided by {depth}")
    return Fitted(given, ", ".join(changes)) if given.shape == own.shape else None


def channels(kernel: Tensor, wanted: int) -> Tensor:
    """Returns a kernel (out, k, ...) for ``wanted`` channels that gives about the same: the same for equal channels.

    One channel gets the sum of all. More are filled by repeating those that there are, scaled by k / wanted.
    """
    had = kernel.shape[1]
    if wanted == 1:
        return kernel.sum(1, keepdim=True)
    repeated = torch.cat([kernel] * -(-wanted // had), dim=1)[:, :wanted]
    return repeated * (had / wanted)


def _bias_table(given: Tensor, own: Tensor, attention: nn.Module) -> Fitted | None:
    """Resizes the biases (offsets, heads) of a window's relative positions for another window."""
    target = [2 * int(size) - 1 for size in attention.window_size]  # type: ignore[union-attr]
    source = cubic_grid(given.shape[0], len(target))
    if given.shape[1:] != own.shape[1:] or source is None:
        return None
    if source == target:
        return Fitted(given)
    resized = resize_position_embedding(given.unsqueeze(0), source, target)[0]
    windows = [[(side + 1) // 2 for side in sides] for sides in (source, target)]
    return Fitted(resized, f"resized from window {windows[0]} to {windows[1]}")
