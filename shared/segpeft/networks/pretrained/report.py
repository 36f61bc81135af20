"""What became of each tensor of a file and of a backbone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LoadReport:
    """What became of each tensor of a file and of the backbone.

    Args:
        source: name of the source the file was recognised as.
        matched: backbone keys loaded as they are.
        converted: backbone keys loaded after a change, with the change.
        missing: backbone keys that the file does not have.
        unexpected: keys of the file that were not used.
        left_out: blocks that the file has and a shallower backbone does not, in words.
    """

    source: str
    matched: list[str] = field(default_factory=list)
    converted: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line: the four counts, each kind of change with its first key, and the blocks left out."""
        first: dict[str, str] = {}
        count: dict[str, int] = {}
        for key, change in self.converted.items():
            first.setdefault(change, key)
            count[change] = count.get(change, 0) + 1
        others = {change: f" and {n - 1} more" if n > 1 else "" for change, n in count.items()}
        changes = "".join(f"; {key}{others[change]}: {change}" for change, key in first.items())
        return (
            f"{self.source}: {len(self.matched)} matched, {len(self.converted)} converted, "
            f"{len(self.missing)} missing, {len(self.unexpected)} unexpected{changes}"
            + "".join(f"; left out: {blocks}" for blocks in self.left_out)
        )
