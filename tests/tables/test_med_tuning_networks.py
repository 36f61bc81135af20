"""The networks of the Med-Tuning paper: published counts, and the exact ones behind them."""

import pytest

from segpeft.tables.med_tuning_networks import network_counts, rows

ROWS = rows()
NOT_EQUAL = {"SETR-Naive": 0.001, "U-Net": 0.01 * 4.712, "UPerNet": 0.091}
"""Rows that are not the printed figure, as their remarks say, and how far they may be off (millions)."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.row)
def test_published_count(row):
    assert row.match == (row.row not in NOT_EQUAL), f"{row.as_published:,} against {row.published}"
    assert bool(row.remark) or row.match
    assert abs(row.as_published / 1e6 - row.published) < NOT_EQUAL.get(row.row, 0.001)


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("ViT + UPerNet, full", 100_849_156),
        ("ViT + UPerNet, head", 15_007_492),
        ("Swin-UNet, full", 27_154_116),
        ("Swin-UNet, head", 6_751_530),
        ("SETR-Naive", 446_468),
        ("SETR-PUP", 642_564),
        ("SETR-MLA", 3_789_572),
        ("U-Net", 4_719_972),
        ("UPerNet", 15_005_187),
    ],
)
def test_exact_count(name, exact):
    assert {row.row: row.computed for row in ROWS}[name] == exact


@pytest.mark.parametrize(
    ("kind", "decoder", "total", "head"),
    [("vit", "upernet", 100_257_027, 15_005_187), ("swin", "swin_unet", 27_149_412, 6_751_434)],
)
def test_one_channel_and_three_classes(kind, decoder, total, head):
    counts = network_counts(kind, decoder, channels=1, classes=3)
    assert (counts["total"], counts["trainable"]) == (total, head)
