"""The README shows what the committed results say."""

from benchmarks.readme import ROOT, filled


def test_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert filled(text) == text
