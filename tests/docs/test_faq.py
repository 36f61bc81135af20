"""The questions quote what the package says."""

import re

import pytest

from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
QUOTED = re.findall(r'^### "`(.*)`"$', PAGE, re.MULTILINE)
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "shared").rglob("*.py")))
SAID = re.sub(r'"\s+f?"', "", SOURCE)
"""The source with strings that stand below each other joined."""


def test_there_are_questions():
    assert len(QUOTED) > 10


@pytest.mark.parametrize("quoted", QUOTED)
def test_an_error_is_said_so(quoted):
    fixed = [re.escape(part.strip(" ")) for part in quoted.split("...")]
    fixed = [part for part in fixed if len(part) > 1]
    assert fixed
    assert re.search(r"[^\n]{0,160}?".join(fixed), SAID), "no message of the package has these words in this order"
