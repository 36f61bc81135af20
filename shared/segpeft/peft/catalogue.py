"""The table of all methods, made from the classes: ``python -m segpeft.peft.catalogue > docs/methods.md``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from segpeft.markdown import markdown_table

from .method import Method
from .registry import known_methods

VIT_B = (768, 3072, 12)
"""C, M and number of blocks of ViT-B."""

FAMILIES = {
    "addition": "New modules or tokens beside frozen weights. They cost time at inference as well.",
    "specification": "Some of the backbone's own weights are trained. Nothing is added.",
    "reparameterisation": "Updates of weights in few parameters. Those that merge cost nothing at inference.",
    "": "The ends of the scale, and several methods at once.",
}
HEAD = """# Methods

Made by `python -m segpeft.peft.catalogue`, checked by a test. Families are those of Lialin et al. 2023 (arXiv
2303.15647). *A block* is the number of parameters that a transformer block trains with the targets that are the
default: C is the width of its tokens, M the width inside its MLP, i its number from 0, other names are the method's
own; *besides* comes once, in a ViT. *ViT-B* is the number in a ViT-B with all values at their defaults. *Merges* tells
whether `segpeft.peft.merge` makes an ordinary network of it.

Put one into a network with `segpeft.peft.apply_peft(network, method)`, or in a bundle with the knob `method`.
[Measured beside each other](methods-compared.md); [in a backbone of your own](own-backbone.md).
"""


def trained_by_formula(method: Method, width: int, mlp: int, blocks: int) -> int:
    """Returns how many parameters of a ViT ``method`` trains by its formula.

    Args:
        method: with the targets that are the default.
        width: C.
        mlp: M.
        blocks: number of transformer blocks.
    """
    names = {**vars(method), "C": width, "M": mlp}
    each = sum(_value(method.formula, {**names, "i": index}) for index in range(blocks))
    return each + _value(method.formula_once, names)


def _value(formula: str, names: dict[str, object]) -> int:
    return int(eval(formula, {"__builtins__": {}}, names))


def methods_page() -> str:
    """Returns the page ``docs/methods.md``."""
    parts = [HEAD]
    for family, said in FAMILIES.items():
        title = family.capitalize() or "Others"
        head = ["method", "paper", "a block", "besides", "ViT-B", "merges", "choose it when"]
        parts.append(f"## {title}\n\n{said}\n\n{markdown_table(head, _lines(family))}\n")
    return "\n".join(parts)


def _lines(family: str) -> Iterator[list[object]]:
    for name, cls in sorted(known_methods().items()):
        if cls.family != family or not cls.__module__.startswith(f"{__package__}."):
            continue
        paper = re.search(r"arXiv (\d{4}\.\d{5})", inspect.getdoc(cls) or "")
        link = f"[{paper.group(1)}](https://arxiv.org/abs/{paper.group(1)})" if paper else ""
        yield [f"`{cls.__name__}` ({name})", link, *_counts(cls), "yes" if cls.merges else "no", cls.advice]


def _counts(cls: type[Method]) -> list[str]:
    if not cls.family:
        return ["", "", ""]
    shown = [f"`{formula}`" if formula != "0" else "" for formula in (cls.formula, cls.formula_once)]
    return [*shown, f"{trained_by_formula(cls(), *VIT_B):,}"]


if __name__ == "__main__":
    print(methods_page(), end="")
