"""What may run beside a backbone on its features: the place, and how something gets there."""

from typing import ClassVar

from torch import Tensor, nn

from segpeft.errors import InputError


class Side(nn.Module):
    """Base of a network that turns a backbone's features into others of the same shapes, without changing the backbone.

    A hosted backbone calls it once, after all blocks; what it returns takes the place of the features from there on.
    """

    __constants__ = ["empty"]
    empty: ClassVar[bool] = False

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps features (B, C_i, ...) to features of the same shapes.

        Args:
            features: shallowest first, each a volume with the axes of the backbone's token grid: ``[h, w, d]`` of a 3D
                backbone, ``[D, h, w]`` of a 2D one.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")


class NoSide(Side):
    """Nothing runs beside the backbone; the features are not even looked at."""

    empty: ClassVar[bool] = True

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Returns ``features``."""
        return features


def fill_side(backbone: nn.Module, side: Side) -> None:
    """Puts ``side`` beside a hosted backbone, on its device and in its type.

    Raises:
        InputError: the backbone is not hosted, or something runs beside it already.
    """
    current = getattr(backbone, "side", None)
    if current is None:
        raise InputError(f"{type(backbone).__name__} takes nothing beside it: host it first")
    if not current.empty:
        raise InputError(f"beside the backbone runs {type(current).__name__}: {type(side).__name__} does not fit in")
    reference = next(backbone.parameters())
    backbone.side = side.to(reference.device, reference.dtype)
