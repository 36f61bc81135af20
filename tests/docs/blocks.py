"""The code blocks of the documentation, and what a remark above one says of how to run it.

A remark is a comment of HTML, which no reader of the page sees, directly above the block:

    <!-- block: in bundles/brats_lora; after COMMAND -->
    <!-- block: not run: needs a GPU -->

`in` is the folder in which a person types it (else the root, or the bundle of the card), `after` what has to be run
before, and `not run` one of `REASONS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bundles/*/docs/*.md")])

RUN = ("bash", "python")
SHOWN = ("text", "mermaid", "json")
REASONS = (
    "needs a GPU",
    "needs real data",
    "needs public weights",
    "needs the network",
    "needs MONAI Label",
    "needs MLflow",
    "needs NVFlare",
    "needs onnx",
    "needs another shell",
    "run by .ci/run",
)
"""Why a block may be left out."""

BLOCK = re.compile(r"(?:<!-- block: (?P<remark>.*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        document: path from the root of the repository.
        line: of its first line.
        language: behind the three ticks.
        text: its lines.
        remark: of the comment above, "" without.
    """

    document: str
    line: int
    language: str
    text: str
    remark: str

    @property
    def parts(self) -> list[str]:
        return [part.strip() for part in re.split(r"; (?=in |after |not run)", self.remark) if part.strip()]

    def said(self, word: str) -> str:
        """What the remark says behind a word, "" if it has none."""
        found = [part.removeprefix(word).lstrip(": ") for part in self.parts if part.startswith(word)]
        return " ".join(" ".join(found).split())

    @property
    def folder(self) -> str:
        card = re.match(r"(bundles/\w+)/docs/", self.document)
        return self.said("in ") or (card[1] if card else ".")


def blocks_of(document: Path) -> list[Block]:
    """All blocks of a document."""
    text, name = document.read_text(encoding="utf-8"), document.relative_to(ROOT).as_posix()
    return [
        Block(
            name, text.count("\n", 0, found.start("text")) + 1, found["language"], found["text"], found["remark"] or ""
        )
        for found in BLOCK.finditer(text)
    ]


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]
