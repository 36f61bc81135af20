"""AdapterDrop: Houlsby's adapters without those of the lower blocks."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from segpeft.errors import InputError

from .houlsby import Houlsby
from .layouts import Layout
from .method import check_count


@dataclass(frozen=True)
class AdapterDrop(Houlsby):
    """Specialised AdapterDrop (Rueckle et al. 2021, arXiv 2010.11918, sec. 3.1): no adapters in the first blocks.

    :class:`Houlsby` otherwise. With the patch embedding frozen, too, the first ``drop`` blocks need no backward pass at
    all, which makes a step faster and smaller.

    Args:
        drop: n, how many blocks from the input on go without.

    Raises:
        InputError: if a value is out of range, or no block is left.
    """

    name: ClassVar[str] = "adapter_drop"
    formula: ClassVar[str] = "2 * (2 * C * (C // reduction) + C // reduction + C) * (i >= drop)"
    advice: ClassVar[str] = "Houlsby's adapters where a step has to be cheaper: the lower blocks get no backward pass."
    drop: int = 5

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        super().__post_init__()
        check_count("drop", self.drop)

    def places(self, backbone: nn.Module, layout: Layout) -> list[str]:
        """Returns the paths of the blocks that get adapters."""
        blocks = layout.blocks(backbone)
        if self.drop >= len(blocks):
            raise InputError(f"drop {self.drop} leaves no block of {len(blocks)}: expected at most {len(blocks) - 1}")
        return blocks[self.drop :]
