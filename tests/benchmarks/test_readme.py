"""The README and the model cards show what the committed results say."""

import pytest

from benchmarks.readme import BLOCKS, FILLED, ROOT, filled


@pytest.mark.parametrize("path", FILLED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_is_up_to_date(path):
    text = path.read_text(encoding="utf-8")
    assert filled(text) == text


def test_every_block_is_shown():
    texts = "".join(path.read_text(encoding="utf-8") for path in FILLED)
    assert [name for name in BLOCKS if f"<!-- {name} -->" not in texts] == []
