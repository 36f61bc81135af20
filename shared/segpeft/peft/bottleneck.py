"""What bottleneck adapters share: a projection down to few features and one back up that starts at zero."""

from torch import nn

from segpeft.errors import InputError

from .sockets import Socket


def reduced(width: int, reduction: int) -> int:
    """Returns ``width // reduction``, the width m of a bottleneck.

    Raises:
        InputError: if that leaves nothing.
    """
    if width < reduction:
        raise InputError(f"reduction {reduction} leaves nothing of tokens of width {width}: expected at most {width}")
    return width // reduction


def zero_(layer: nn.Linear) -> nn.Linear:
    """Sets a layer to zero and returns it: what ends in it adds nothing at first."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class BottleneckSocket(Socket):
    """A socket with ``down (C -> m)`` and ``up (m -> C)``, both biased; ``up`` starts at zero.

    Args:
        width: C.
        bottleneck_dim: m.
    """

    def __init__(self, width: int, bottleneck_dim: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck_dim)
        self.up = zero_(nn.Linear(bottleneck_dim, width))
