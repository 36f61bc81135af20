"""Published parameter counts, to the printed digit, and the exact ones behind them."""

import json
import sys

import pytest

from segpeft.tables import channel_lora, med_tuning_adapter, med_tuning_methods, med_tuning_networks
from segpeft.tables.__main__ import all_rows, main
from segpeft.tables.med_tuning_networks import slice_network

ROWS = {(row.table, row.row): row for row in all_rows()}
LORA = {rank: 258_048 * rank for rank in (16, 32, 64)}
EXACT = {
    channel_lora.TABLE: {
        **dict.fromkeys(("baseline, total", "finetune, total", "frozen, total"), 142_895_043),
        "frozen, trainable": 54_578_115,
        **{f"LoRA-{rank}, total": 142_895_043 + lora + lora * 3 // 4 for rank, lora in LORA.items()},
        **{f"LoRA-{rank}, trainable": 54_578_115 + lora for rank, lora in LORA.items()},
    },
    med_tuning_networks.NETWORKS: {
        "ViT + UPerNet, full or scratch": 100_849_156,
        "ViT + UPerNet, head": 15_007_492,
        "Swin-UNet, full or scratch": 27_154_116,
        "Swin-UNet, head": 6_751_530,
    },
    med_tuning_networks.DECODERS: {
        "SETR-Naive": 446_468,
        "SETR-PUP": 642_564,
        "SETR-MLA": 3_789_572,
        "U-Net": 4_719_972,
        "UPerNet": 15_005_187,
    },
    med_tuning_methods.TABLE: {
        "VPT-Shallow, ViT": 7_680,
        "VPT-Shallow, Swin": 960,
        "VPT-Deep, ViT": 92_160,
        "VPT-Deep, Swin": 28_800,
        "Adapter (Houlsby), ViT": 3_559_680,
        "Adapter (Houlsby), Swin": 789_840,
        "AdaptFormer, ViT": 1_189_632,
        "AdaptFormer, Swin": 372_032,
        "Pro-tuning, ViT": 4_804_608,
        "Pro-tuning, Swin": 1_607_040,
        "ST-Adapter, ViT": 7_110_144,
        "ST-Adapter, Swin": 1_576_800,
    },
    med_tuning_adapter.TABLE: {
        "Med-Tuning (alpha 6), ViT": 2_845_696,
        "Med-Tuning (alpha 6), Swin": 737_568,
        "alpha 4, ViT": 4_557_312,
        "Conv3, Swin": 798_480,
        "+Conv5, Swin": 822_960,
        "+FFT, Swin": 825_008,
        "+CM, Swin": 923_648,
        "add, Swin": 1_144_328,
        "max, Swin": 1_144_328,
        "concat, Swin": 1_242_608,
        "alpha 2, Swin": 3_312_608,
        "alpha 4, Swin": 1_242_608,
        "alpha 6, Swin": 737_568,
        "alpha 8, Swin": 519_728,
        "DWConv9, Swin": 1_085_920,
        "DWConv11, Swin": 1_374_880,
    },
    med_tuning_adapter.TUNED: {"alpha 4, ViT + UPerNet, three classes": 4_557_312 + 15_005_187},
    med_tuning_adapter.KITS: {
        "ViT + UPerNet, full or scratch": 100_257_027,
        "ViT + UPerNet, head": 15_005_187,
        "ViT + UPerNet, Med-Tuning (alpha 6)": 17_850_883,
        "Swin-UNet, full or scratch": 27_149_412,
        "Swin-UNet, head": 6_751_434,
        "Swin-UNet, Med-Tuning (alpha 6)": 7_489_002,
    },
}
"""Table -> row -> the count by the published recipe; every row stands here."""
OFF = {
    "LoRA-16, total": 0.01,
    "LoRA-64, total": 0.014,
    "SETR-Naive": 0.001,
    "U-Net": 0.01 * 4.712,
    "UPerNet": 0.09,
}
"""Rows that are not the printed figure, as their remarks say, and how far they may be off (millions)."""


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, names in EXACT.items() for name in names])
def test_count(table, name):
    row = ROWS[table, name]
    assert row.as_published == EXACT[table][name]
    if row.published is None:
        assert (row.match, row.verdict, table) == (None, "not published", med_tuning_adapter.KITS)
        return
    assert row.match == (name not in OFF), row.verdict
    assert (row.verdict == "equal") == row.match
    assert row.match or row.remark
    assert row.match or abs(row.as_published / 1e6 - row.published) < OFF[name] + 5e-4


def test_every_row_is_pinned():
    assert len(ROWS) == len(all_rows())  # no two of a name
    assert set(ROWS) == {(table, name) for table, names in EXACT.items() for name in names}


@pytest.mark.parametrize("rank", LORA)
def test_true_totals_count_each_adapter_once(rank):
    row = ROWS[channel_lora.TABLE, f"LoRA-{rank}, total"]
    assert row.computed == 142_895_043 + 5_376 - 18_432 + LORA[rank]


@pytest.mark.parametrize(
    ("name", "dead"),
    [
        ("Med-Tuning (alpha 6), ViT", 128 * 129 + 256 * 128 + 128),
        ("add, Swin", 12 * 24 * 9 + 24),
        ("concat, Swin", 12 * 24 * 9 + 24 + 48 * 24 + 24),
        ("+CM, Swin", 0),
    ],
)
def test_only_the_dead_inter_fi_differs(name, dead):
    row = ROWS[med_tuning_adapter.TABLE, name]
    assert row.as_published - row.computed == dead


@pytest.mark.parametrize(
    ("parts", "exact"),
    [
        (("decoder.pooling",), 11_209_728),
        (("decoder.laterals", "decoder.smooth", "decoder.fuse"), 3_540_480),
        (("decoder.classify",), 9_220),
        (("decoder.first",), 197_376),
        (("encoder.patch_embedding.position_embeddings",), 49_152),
        (("encoder.norm",), 1_536),
    ],
    ids=["pooling", "pyramid", "classifier", "first", "positions", "norm"],
)
def test_parts_of_the_head_of_a_vit(parts, exact):
    found = slice_network("vit", "upernet", 4, 4).named_parameters()
    assert sum(parameter.numel() for name, parameter in found if name.startswith(parts)) == exact


def test_command_prints_json(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tables", "--json"])
    main()
    objects = json.loads(capsys.readouterr().out)
    assert [(one["table"], one["row"], one["verdict"]) for one in objects] == [
        (row.table, row.row, row.verdict) for row in ROWS.values()
    ]
    assert {"published", "ours", "as_published", "differences", "match", "remark"} <= set(objects[0])


def test_command_prints_every_row(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tables"])
    main()
    lines = capsys.readouterr().out.splitlines()
    for table, name in ROWS:
        assert table in lines
        assert any(line.startswith(f"{name}  ") and line.endswith(ROWS[table, name].verdict) for line in lines)
