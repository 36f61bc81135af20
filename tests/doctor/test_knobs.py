"""Knobs of the shipped bundles: good overlays are silent, mistyped names and impossible values are told."""

import json
from pathlib import Path

import pytest

from segpeft.doctor.bundle_config import bundle_config
from segpeft.doctor.construction import Construction
from segpeft.doctor.knobs import check_knobs
from segpeft.errors import InputError
from tests.bundles.runs import BUNDLES

SMALL = "demo.json"
OVERLAYS = sorted(
    path
    for path in BUNDLES.glob("*/configs/**/*.json")
    if path.name not in ("train.json", "inference.json", "metadata.json", "evaluate.json")
    and not path.name.startswith(("inference_", "multi_gpu_evaluate", "ensemble"))
)


def told(bundle: str, knobs: list[str], overlays: list[Path] | None = None) -> list[str]:
    small = [BUNDLES / bundle / "configs" / SMALL]
    config = bundle_config(BUNDLES / bundle, None, [*small, *(overlays or [])], knobs)
    return [finding.text for finding in (*check_knobs(config), *Construction(config).check())]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_shipped_overlays_are_silent(path):
    bundle = path.relative_to(BUNDLES).parts[0]
    config = bundle_config(BUNDLES / bundle, None, [path], [])
    assert list(check_knobs(config)) == []


@pytest.mark.parametrize(
    ("knob", "text"),
    [
        ("imagesize=[24,24,24]", "imagesize is no knob of brats_lora; did you mean image_size?"),
        ("epochs=ten", 'epochs is "ten", text; expected a number, such as 200'),
        ("image_size=24", "image_size is 24, a number; expected a list, such as [96, 96, 96]"),
        ("amp=1", "amp is 1, a number; expected true or false, such as true"),
        ("image_size=[25,24,24]", "image_size [25, 24, 24] is no multiple of patch_size [4, 4, 4]"),
        ("fold=7", "fold is 7; expected 0 to 4, as folds is 5"),
        ("method=lorra", "method 'lorra' is unknown"),
        ("label_scheme=mds", "label_scheme 'mds' is not known; did you mean 'msd'?"),
    ],
    ids=["name", "text", "number", "flag", "size", "fold", "method", "scheme"],
)
def test_a_wrong_knob(knob, text):
    assert any(text in said for said in told("brats_lora", [knob]))


def test_good_knobs_are_silent():
    assert told("brats_lora", ["epochs=3", "method=dora", "train_share=0.5"]) == []


def test_an_overlay_may_add_what_it_refers_to(tmp_path):
    overlay = tmp_path / "overlay.json"
    overlay.write_text(json.dumps({"power": 0.9, "max_lr": "$0.01 * @power", "unread": 3}))
    assert told("brats_lora", [], [overlay]) == ["unread is no knob of brats_lora"]


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(InputError, match=r"has no configs/train\.json"):
        bundle_config(tmp_path, None, [], [])
