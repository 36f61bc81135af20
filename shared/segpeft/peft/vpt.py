"""Visual prompt tuning: learned tokens beside those of the image."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from segpeft.errors import InputError

from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .prompts import OwnPrompts, fill_prompts


@dataclass(frozen=True)
class VPT(Method):
    """Prompts of "Visual Prompt Tuning" (Jia et al. 2022, arXiv 2203.12119).

    Shallow (eqs. 4 to 6): ``[P_i, E_i] = L_i([P_{i-1}, E_{i-1}])`` with ``P_0`` learned, ``num_prompts x C`` parameters
    of the first block's width. Deep (eqs. 7 and 8): ``[_, E_i] = L_i([P_{i-1}, E_{i-1}])`` with every ``P`` learned, in
    the width of its block; what a block makes of its prompts is dropped, so its MLP does not compute it.

    In a Swin transformer prompts join the attention of every window, shifted or not, get no relative position bias and
    are averaged over windows afterwards. Deep prompts ignore patch merging; shallow ones go through it as if every
    patch to be joined were the same prompt.

    Adapters in sockets, hidden states, the final norm and the decoder see the image's tokens only. Drawn uniformly
    after Xavier's rule for a matrix (num_prompts, C) (the paper's bound takes the fans of the patch embedding instead),
    prompts change the output from the first step on: unlike the other methods, VPT is no identity at initialisation.

    Args:
        num_prompts: how many prompts a block has.
        deep: new prompts in every block, or one set that goes through all.

    Raises:
        InputError: if a value is out of range.
    """

    name: ClassVar[str] = "vpt"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "num_prompts * C"
    advice: ClassVar[str] = "Few parameters, weights untouched; slower attention. No identity at the start."
    num_prompts: int = 10
    deep: bool = True

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("num_prompts", self.num_prompts)
        if not isinstance(self.deep, bool):
            raise InputError(f"deep {self.deep!r} is neither true nor false")

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Gives prompts to every block, or to the first one."""
        backbone = host_backbone(backbone, layout)
        blocks = layout.blocks(backbone)
        for path in blocks if self.deep else blocks[:1]:
            prompts = OwnPrompts(self.num_prompts, layout.width(backbone, path), handed_on=not self.deep)
            fill_prompts(backbone.get_submodule(path), prompts)
        return backbone
