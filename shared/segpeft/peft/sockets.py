"""Places for adapters inside a transformer block: what fits into one, and how it gets there."""

from typing import ClassVar

from torch import Tensor, nn

from segpeft.errors import InputError

POSITIONS = ("before_attn", "beside_attn", "after_attn", "beside_mlp", "after_mlp", "after_block")
"""The sockets of a block in the order in which they run.

With ``x`` the residual stream, a hosted block computes::

    x = before_attn(x)
    x = x + after_attn(attn(norm1(x))) + beside_attn(x)
    x = x + after_mlp(mlp(norm2(x))) + beside_mlp(x)
    x = after_block(x)
"""


class Socket(nn.Module):
    """Base of everything that fills a socket. What it knows of its surroundings comes in with the call.

    A socket holds no state between calls: the token grid and what earlier adapters hand on (``carry``) are arguments,
    so that recomputation, tracing and several volumes at once can't mix them up.
    """

    __constants__ = ["empty"]
    empty: ClassVar[bool] = False

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens to tokens of the same shape.

        Args:
            x: tokens (B, N, C), also in windowed backbones; in a 2D one (B * D, N, C) of D slices, slices fastest.
            grid: token grid ``[h, w, d]`` of a 3D backbone, ``[D, h, w]`` of a 2D one. In both cases the volume is
                ``x.reshape([-1] + grid + [C])``, unless the backbone puts a class token in front of the others.
            carry: what the previous filled socket returned, across blocks and stages; of size 0 at the first one.

        Returns:
            The tokens, and the ``carry`` of the next socket.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")


class EmptySocket(Socket):
    """A socket that nothing fills: hands everything through. Beside a sublayer it is skipped."""

    empty: ClassVar[bool] = True

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ``x`` and ``carry``, the very same tensors."""
        return x, carry


def add_sockets(block: nn.Module) -> None:
    """Gives ``block`` an empty socket at every one of :data:`POSITIONS`."""
    for position in POSITIONS:
        setattr(block, position, EmptySocket())


def fill_socket(block: nn.Module, position: str, socket: Socket) -> None:
    """Puts ``socket`` into the empty socket of a hosted block, on its device and in its type.

    Args:
        block: a block of a backbone that went through :func:`segpeft.peft.hosts.host_backbone`.
        position: one of :data:`POSITIONS`.
        socket: the adapter.

    Raises:
        InputError: if there is no such position, the block is not hosted, or the socket is taken.
    """
    if position not in POSITIONS:
        raise InputError(f"position {position!r} is unknown: expected one of {', '.join(POSITIONS)}")
    current = getattr(block, position, None)
    if current is None:
        raise InputError(f"{type(block).__name__} has no sockets: host its backbone first")
    if not current.empty:
        raise InputError(f"{position} holds {type(current).__name__} already: {type(socket).__name__} does not fit in")
    reference = next(block.parameters())
    setattr(block, position, socket.to(reference.device, reference.dtype))
