"""What the methods of the Med-Tuning paper's tables insert, exactly."""

import pytest

from segpeft.tables.med_tuning_methods import rows

EXACT = {
    "VPT-Shallow": (7_680, 960),
    "VPT-Deep": (92_160, 28_800),
    "Adapter (Houlsby)": (3_559_680, 789_840),
    "AdaptFormer": (1_189_632, 372_032),
    "Pro-tuning": (4_804_608, 1_607_040),
    "ST-Adapter": (7_110_144, 1_576_800),
}
ROWS = {row.row: row for row in rows()}


@pytest.mark.parametrize("name", EXACT)
def test_exact_count(name):
    assert (ROWS[f"{name}, ViT"].computed, ROWS[f"{name}, Swin"].computed) == EXACT[name]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_published_count(row):
    assert row.match
