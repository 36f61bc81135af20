"""The slices of a volume in its tokens: where they are in the grid, and the tokens as a volume with slices in front."""

from torch import Tensor, nn

from segpeft.errors import InputError


def slice_axis(backbone: nn.Module) -> int:
    """Returns which axis of the token grid counts slices: 0 of ``[D, h, w]`` (2D), 2 of ``[h, w, d]`` (3D).

    Raises:
        InputError: if the backbone has a class token, which belongs to no place in the volume.
    """
    if hasattr(backbone, "cls_token"):
        raise InputError(f"{type(backbone).__name__} has a class token: expected only tokens of the image's grid")
    return 0 if len(backbone.patch_size) == 2 else 2  # type: ignore[arg-type]


def volume_of(x: Tensor, grid: list[int], axis: int) -> Tensor:
    """Returns tokens (B, N, C), or (B * D, N, C), as a volume (B, C, slices, h, w).

    Args:
        x: the tokens of a socket.
        grid: their grid.
        axis: of the slices in the grid.
    """
    volume = x.reshape([-1, grid[0], grid[1], grid[2], x.shape[-1]])
    return volume.movedim(-1, 1).movedim(axis + 2, 2)


def tokens_of(volume: Tensor, x: Tensor, axis: int) -> Tensor:
    """Returns a volume (B, C, slices, h, w) as tokens in the order and shape of ``x``: undoes :func:`volume_of`."""
    return volume.movedim(2, axis + 2).movedim(1, -1).reshape(x.shape)
