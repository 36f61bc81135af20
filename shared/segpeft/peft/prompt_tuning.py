"""Prompt tuning: learned tokens at the input, as the language models' paper has them."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .prompts import OwnPrompts, fill_prompts

BOUND = 0.5


@dataclass(frozen=True)
class PromptTuning(Method):
    """Soft prompts (Lester et al. 2021, "The Power of Scale for ... Prompt Tuning", arXiv 2104.08691, sec. 3).

    ``[P, X]`` goes through all blocks with ``P (num_prompts, C)`` learned, drawn uniformly from [-0.5, 0.5] as in
    sec. 3.2. The same computation as :class:`VPT` with ``deep=False``, from another start and with more prompts by
    default.

    Args:
        num_prompts: how many prompts the first block has.

    Raises:
        InputError: if a value is out of range.
    """

    name: ClassVar[str] = "prompt_tuning"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "0"
    formula_once: ClassVar[str] = "num_prompts * C"
    advice: ClassVar[str] = "The language models' prompts, for comparison."
    num_prompts: int = 20

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("num_prompts", self.num_prompts)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Gives prompts to the first block."""
        backbone = host_backbone(backbone, layout)
        path = layout.blocks(backbone)[0]
        prompts = OwnPrompts(self.num_prompts, layout.width(backbone, path), handed_on=True)
        nn.init.uniform_(prompts.tokens, -BOUND, BOUND)
        fill_prompts(backbone.get_submodule(path), prompts)
        return backbone
