"""The adapters' published counts, to the last parameter."""

import pytest

from segpeft.tables.med_tuning_adapter import rows

EXACT = {
    "ViT, alpha 6": 2_845_696,
    "ViT, alpha 4": 4_557_312,
    "Swin, Conv3": 798_480,
    "Swin, +Conv5": 822_960,
    "Swin, +FFT": 825_008,
    "Swin, +CM": 923_648,
    "Swin, add": 1_144_328,
    "Swin, max": 1_144_328,
    "Swin, concat": 1_242_608,
    "Swin, alpha 2": 3_312_608,
    "Swin, alpha 4": 1_242_608,
    "Swin, alpha 6": 737_568,
    "Swin, alpha 8": 519_728,
    "Swin, DWConv9": 1_085_920,
    "Swin, DWConv11": 1_374_880,
}
ROWS = {row.row: row for row in rows()}


def test_every_row_has_its_exact_count():
    assert {name: row.as_published for name, row in ROWS.items()} == EXACT


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_published_count(row):
    assert row.match, f"{row.as_published:,} against {row.published}"


@pytest.mark.parametrize(
    ("name", "dead"),
    [
        ("ViT, alpha 6", 128 * 129 + 256 * 128 + 128),
        ("Swin, add", 12 * 24 * 9 + 24),
        ("Swin, concat", 12 * 24 * 9 + 24 + 48 * 24 + 24),
        ("Swin, +CM", 0),
    ],
)
def test_only_the_dead_inter_fi_differs(name, dead):
    assert ROWS[name].as_published - ROWS[name].computed == dead
