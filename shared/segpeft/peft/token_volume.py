"""Tokens as a volume with its slices in front, and back: one order for backbones of slices and of volumes."""

from torch import Tensor


def volume_of(x: Tensor, grid: list[int], slice_axis: int) -> Tensor:
    """Returns tokens (B, N, C), or (B * D, N, C) of slices, as a contiguous volume (B, D, h, w, C).

    Channels stay last, as tokens have them; so it is a view of the tokens of a 2D backbone.

    Args:
        x: the tokens of a socket.
        grid: their grid.
        slice_axis: of the grid, :meth:`segpeft.peft.layouts.Layout.slice_axis`.
    """
    volume = x.reshape([-1, grid[0], grid[1], grid[2], x.shape[2]])
    return volume.movedim(1 + slice_axis, 1).contiguous()


def tokens_of(volume: Tensor, x: Tensor, slice_axis: int) -> Tensor:
    """Returns a volume (B, D, h, w, C) as tokens in the order and shape of ``x``: undoes :func:`volume_of`."""
    return volume.movedim(1, 1 + slice_axis).reshape(x.shape)
