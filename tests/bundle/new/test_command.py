"""What `new` leaves behind: configs that mean what the table says, metadata, and nothing half."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from segpeft.bundle.__main__ import main as bundle
from tests.bundle.new.sets import NAMES, write_hippocampi
from tests.bundles.runs import workflow

HOSTILE = {**NAMES, "1": "$__import__('os').mkdir('pwned')", "2": '@network "it\'s" #2 %x Schädel/left'}
METHODS = ["channel_lora", "med_tuning"]
CONFIGS = [("train",), ("train", "evaluate"), ("train", "unet"), ("inference",), ("pretrain",)]
opened: list[str] = []


def _note(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove"):
        opened.append(f"{event} {arguments[0]}")


@pytest.fixture(scope="module", autouse=True)
def _audit():
    sys.addaudithook(_note)  # cannot be removed; it only appends to a list


@pytest.fixture(scope="module", params=METHODS)
def made(request, tmp_path_factory):
    """A bundle for a data set whose names are full of signs that configs give a meaning to."""
    folder = tmp_path_factory.mktemp(request.param)
    data = write_hippocampi(folder / "data", name="$print(1) #'\"", modality={"0": "%T1 @x"}, labels=HOSTILE)
    out = folder / "own"
    assert bundle(["new", "--dataset", str(data), "--method", request.param, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("names", CONFIGS, ids="+".join)
def test_all_of_a_config_is_built_and_touches_no_disk(made, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built = workflow(str(made), *names, bundle_root=str(tmp_path), dataset_dir=str(tmp_path / "absent"))
    content = [key for key in built.parser.config if key not in ("run", "training", "evaluating", "inference")]
    opened.clear()
    for key in content:
        built.parser.get_parsed_content(key)
    assert [entry for entry in opened if str(tmp_path) in entry] == []
    assert os.listdir(tmp_path) == []


def test_names_are_names_only(made):
    config = json.loads((made / "configs" / "train.json").read_text())
    assert config["channels"] == ["T1 x"]
    regions = list(config["label_scheme"]["regions"])
    assert regions == ["__import__( os ).mkdir( pwned )", "network it s 2 x Schädel left"]
    assert config["flip_axes"] == []


def test_verify_misses_the_weights_only(made, capsys):
    capsys.readouterr()
    assert bundle(["verify", "--quick", str(made)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("wrong")] == ["wrong  files: models/model.pt is missing"]


def test_the_card_names_knobs_and_what_a_person_has_to_fill_in(made):
    card = (made / "docs" / "README.md").read_text(encoding="utf-8")
    knobs = json.loads((made / "configs" / "train.json").read_text())
    for name in ("spacing", "image_size", "folds", "epochs", "flip_axes"):
        assert f"| `{name}` | `{json.dumps(knobs[name])}` |" in card
    assert card.count("TODO") >= 8


def test_train_and_inference_see_alike(made):
    train, inference = (json.loads((made / "configs" / f"{name}.json").read_text()) for name in ("train", "inference"))
    shared = set(train) & set(inference) & {"channels", "spacing", "image_size", "encoder", "method", "label_scheme"}
    assert len(shared) == 6
    assert {name: train[name] for name in shared} == {name: inference[name] for name in shared}
    assert train["network_def"] == inference["network_def"]


def test_gaps_between_label_values_are_described(tmp_path):
    data = write_hippocampi(tmp_path / "data", labels={"0": "background", "1": "a", "2": "b", "4": "c"})
    assert bundle(["new", "--dataset", str(data), "--out", str(tmp_path / "own")]) == 0
    metadata = json.loads((tmp_path / "own" / "configs" / "metadata.json").read_text())
    names = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert names == {"0": "background", "1": "a", "2": "b", "3": "unused", "4": "c"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--template", "nowhere"], "no bundles brats_lora, kits_medtuning, vit_mae in nowhere; .* --template"),
        (["--most", "0"], "--most 0 and --memory 8: expected numbers above 0"),
        (["--pretrained_encoder", "absent.pt"], "absent.pt"),
        (["--dataset", "absent"], "absent: no such folder or datalist file"),
        (["--out", "mine_v2"], "--out .../mine_v2: .* rename it"),
        (["--channels", "T1", "T2"], "dataset.json: lists the channels MRI; expected T1, T2"),
    ],
    ids=["template", "most", "encoder", "dataset", "name", "channels"],
)
def test_what_is_not_possible_is_one_line_and_leaves_nothing(change, said, tmp_path, capsys):
    data = write_hippocampi(tmp_path / "data", 3)
    out = tmp_path / "bundles" / "own"
    assert bundle(["new", "--dataset", str(data), "--out", str(out), *change]) == 1
    assert re.search(said, capsys.readouterr().err)
    assert list(tmp_path.glob("bundles/*")) == []


def test_a_case_that_cannot_be_read_is_named_and_the_others_decide(tmp_path, capsys):
    data = write_hippocampi(tmp_path / "data", 4)
    (data / "imagesTr" / "case_001.nii.gz").write_bytes(b"no volume")
    assert bundle(["new", "--dataset", str(data), "--out", str(tmp_path / "own")]) == 0
    said = capsys.readouterr().out
    assert "remark: can't be used: " in said
    assert "case_001.nii.gz: cannot be read" in said
