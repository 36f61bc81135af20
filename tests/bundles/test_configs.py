"""The form of the configs: what MONAI's runner, MONAI Label and the Model Zoo need, and one place for each knob."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bundles.runs import BUNDLES

FILES = sorted(BUNDLES.glob("*/configs/**/*.json"))
EVERYWHERE = {"bundle_root", "dataset_dir", "output_dir", "image_size", "amp", "device", "encoder"}
TRAINING = EVERYWHERE | {"model_dir", "cache_dir", "epochs", "seed", "resume", "num_workers"}
SEGMENTING = EVERYWHERE | {"channels", "label_scheme", "feature_size", "method", "overlap"}
SEGMENTING |= {"channel_files", "spacing"}
OWN = {
    "brats_lora": {"resample_channels"},
    "prostate_lora": {"resample_channels"},
    "kits_medtuning": {"intensity", "decoder", "min_voxels"},
}
"""Knobs of one bundle's inference and more."""
FINE_TUNING = tuple(OWN)
CHANNEL_LORA = ("brats_lora", "prostate_lora")
KNOBS = {
    **{
        f"{b}/train": TRAINING | SEGMENTING | {"pretrained_encoder", "fold", "folds", "val_interval"}
        for b in FINE_TUNING
    },
    **{f"{b}/inference": SEGMENTING | OWN[b] | {"ckpt_path", "tta", "save_probabilities"} for b in FINE_TUNING},
    "vit_mae/train": TRAINING | {"masking_ratio", "modality", "spacing", "epoch_length", "warmup", "val_interval"},
}
COMMANDS = ("train", "evaluate", "inference")
ALONE = (*COMMANDS, "metadata", "add_channel", "multi_gpu_train", "multi_gpu_evaluate", "inference_trt")
OVERLAYS = [path for path in FILES if "vit_mae" not in path.parts and path.stem not in ALONE]
"""Those that follow the configs of any command."""
STANDARD_IDS = {"run", "initialize", "finalize", "imports", "training", "evaluating", "inference"}


def read(config: str) -> dict[str, Any]:
    bundle, name = config.split("/", 1)
    return json.loads((BUNDLES / bundle / "configs" / f"{name}.json").read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    bundle, _, name = path.relative_to(BUNDLES).with_suffix("").as_posix().split("/", 2)
    return f"{bundle}/{name}"


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_json_is_indented_by_four(path: Path):
    text = path.read_text(encoding="utf-8")
    json.loads(text)
    assert text.endswith("}\n")
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r'"(\\.|[^"\\])*"', "", line)  # brackets in strings do not count
        level = depth - bool(re.match(r"\s*[\]}]", line))
        assert len(line) - len(line.lstrip()) == 4 * level, f"{path.name}:{number}: {line}"
        depth += sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_id_is_written_twice(path: Path):
    def once(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
        return dict(pairs)

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_macro_reaches_into_another_file_and_no_string_holds_a_hash(path: Path):
    config = json.loads(path.read_text(encoding="utf-8"))
    macros = [text for text in strings(config) if text.startswith("%")]
    assert all(macro.removeprefix("%").split("#")[0] in config for macro in macros)
    assert not [text for text in strings(config) if "#" in re.sub(r"[@%][\w#]+", "", text)]  # it would become "::"


@pytest.mark.parametrize("config", KNOBS)
def test_shared_knobs_stand_at_the_top(config):
    content = read(config)
    names = list(content)
    assert sorted(KNOBS[config] - set(names)) == []
    last_knob = max(names.index(name) for name in KNOBS[config])
    assert not [name for name in names[:last_knob] if name in ("train", "validate", "dataset", "network_def")]


@pytest.mark.parametrize("config", KNOBS)
def test_every_knob_is_used(config):
    content = read(config)
    used = {name for text in strings(content) for name in re.findall(r"@(\w+)", text)}
    assert sorted(set(content) - used - STANDARD_IDS - {"train", "validate", "evaluator"}) == []
    assert sorted(used - set(content)) == []


@pytest.mark.parametrize("config", KNOBS)
def test_every_number_of_the_network_is_a_knob(config):
    network = read(config)["network_def"]
    network = network.get("network", network)
    assert not [name for name, value in network.items() if name != "_target_" and not str(value).count("@")]


@pytest.mark.parametrize(
    ("bundle", "overlay"),
    [
        *itertools.product(FINE_TUNING, ["demo", "multi_gpu_train"]),
        *itertools.product(["vit_mae"], ["demo", "demo_2d", "demo_swin", "multi_gpu_train", "train_2d", "train_swin"]),
    ],
)
def test_overlays_replace_knobs_and_add_none(bundle, overlay):
    overlay = f"{bundle}/{overlay}"
    assert sorted(set(read(overlay)) - set(read(f"{bundle}/train")) - {"backend", "finalize"}) == []
    assert not any("#" in name for name in read(overlay))


@pytest.mark.parametrize("bases", [("inference",), ("train", "evaluate")], ids="-".join)
def test_the_overlay_of_ensembles_replaces_knobs_and_adds_none(bases):
    assert set(read("brats_lora/ensemble")) <= {name for base in bases for name in read(f"brats_lora/{base}")}


@pytest.mark.parametrize("overlay", OVERLAYS, ids=name_of)
def test_overlays_of_several_commands_add_no_knob_that_none_of_them_knows(overlay):
    bundle, content = name_of(overlay).split("/")[0], read(name_of(overlay))
    known = {name for base in COMMANDS for name in read(f"{bundle}/{base}")}
    assert sorted(set(content) - known) == []
    assert not any("#" in name for name in content)


@pytest.mark.parametrize("bundle", FINE_TUNING)
def test_run_is_there_under_both_names(bundle):
    for config, name in [("train", "training"), ("evaluate", "evaluating"), ("inference", "inference")]:
        content = read(f"{bundle}/{config}")
        assert content[name] == "@run"
        assert isinstance(content["run"], list)
    assert read("vit_mae/train")["training"] == "@run"


@pytest.mark.parametrize("bundle", FINE_TUNING)
def test_monai_label_finds_plain_dictionaries(bundle):
    train, infer = read(f"{bundle}/train"), read(f"{bundle}/inference")
    for place in (train["network_def"], infer["network_def"], train["train"]["trainer"]):
        assert "_target_" in place
    for section in (train["train"], train["validate"]):
        assert isinstance(section["dataset"], dict)
        assert "_target_" in section["dataset"]["data"]
    for handlers in (train["train"]["handlers"], train["validate"]["handlers"], infer["handlers"]):
        assert isinstance(handlers, list)
        assert all("_target_" in handler for handler in handlers)
    assert "@device.type" not in " ".join(strings(infer))


@pytest.mark.parametrize("name", [*FINE_TUNING, "vit_mae"])
def test_targets_are_importable_without_the_bundle(name):
    """A server knows one package of a name: nothing in a config may come from beside it."""
    allowed = ("segpeft.", "torch.")
    for path in (BUNDLES / name / "configs").rglob("*.json"):
        targets = re.findall(r'"_target_": "([^"]+)"', path.read_text(encoding="utf-8"))
        assert not [target for target in targets if "." in target and not target.startswith(allowed)]


@pytest.mark.parametrize("config", ["train", "evaluate", "inference", "ensemble", "add_channel"])
def test_bundles_of_channel_lora_differ_in_knobs_only(config):
    brats, prostate = (read(f"{bundle}/{config}") for bundle in CHANNEL_LORA)
    assert list(brats) == list(prostate)
    parts = [name for name, value in brats.items() if isinstance(value, dict) and name not in ("encoder", "method")]
    parts += [name for name in brats if name in STANDARD_IDS]
    assert {name: brats[name] for name in parts} == {name: prostate[name] for name in parts}
