"""No two bundles spell out the same thing: what they share is a factory or a handler of `segpeft`.

`logging.conf` is left out: MONAI reads it from beside the config, and knows no way to name another one.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.bundles.runs import BUNDLES

LIMIT = 15
FIRST_OBJECT = re.compile(r'    "(network|cases|validate)')  # at depth one; the knobs stand above
VERSION = re.compile(r'\s*"[\w-]+": "\d[\w.]*",?$')  # the Model Zoo wants them in the metadata of each bundle
FREE = re.compile(r'\s*("[^"]+": )?("@[\w#]+"|[\[{]|[\]}]+)?,?$')  # a reference, the beginning or end of a block


def spelled_out(path: Path) -> list[str]:
    """The lines of a config that say something of their own: no knob, no `_target_`, no reference, no bracket."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not VERSION.match(line)]
    if path.stem != "metadata":
        knobs = next((n for n, line in enumerate(lines) if FIRST_OBJECT.match(line)), len(lines))
        lines = [line for line in lines[knobs:] if '"_target_"' not in line and not FREE.match(line)]
    return [line.strip() for line in lines]


def longest_common_block(first: list[str], second: list[str]) -> int:
    """How many consecutive lines of `first` stand in `second` as well, in this order."""
    lengths = {}
    for (i, one), (j, other) in itertools.product(enumerate(first), enumerate(second)):
        if one == other:
            lengths[i, j] = lengths.get((i - 1, j - 1), 0) + 1
    return max(lengths.values(), default=0)


FILES = sorted(BUNDLES.glob("*/configs/*.json"))
PAIRS = [(one, other) for one, other in itertools.combinations(FILES, 2) if one.parent != other.parent]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(f"{p.parts[-3]}_{p.stem}" for p in pair))
def test_two_bundles_share_no_block_of_fifteen_lines(pair):
    assert longest_common_block(*map(spelled_out, pair)) < LIMIT


def test_a_block_that_two_configs_share_is_seen(tmp_path):
    block = [f'        "number{n}": {n},' for n in range(LIMIT)]
    targets = ['            "_target_": "Compose",', '            "keys": "@keys",', "        },"]
    for name, own in (("a", "1"), ("b", "2")):
        text = ['    "knob": 1,', '    "network_def": {', f'        "own": {own},', *targets, *block[:7], *targets]
        (tmp_path / f"{name}.json").write_text("\n".join([*text, *block[7:], *targets]))
    found = longest_common_block(spelled_out(tmp_path / "a.json"), spelled_out(tmp_path / "b.json"))
    assert found == LIMIT
