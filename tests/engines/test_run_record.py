import json
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from segpeft.engines import RunRecord
from segpeft.engines.running_config import running_config
from segpeft.errors import InputError
from tests.engines.tiny import adam, network, trainer, validator

CONFIG = {"here": {"_target_": "segpeft.engines.running_config.running_config"}}


def run(folder, **options):
    net = network()
    judge = validator(net)
    trainer(net, adam(net), [RunRecord(folder / "out", validator=judge)], max_epochs=1, **options).run()
    return json.loads((folder / "out" / "record.json").read_text())


def test_of_a_training_that_no_config_describes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = run(tmp_path)
    assert (record["format"], record["kind"], record["config"]) == (1, "training", None)
    assert record["command"] == sys.argv
    assert record["directory"] == os.getcwd()
    assert record["bundle"] == tmp_path.name
    assert record["processes"] == 1
    assert datetime.fromisoformat(record["started"]).tzinfo is not None
    assert record["versions"]["torch"] == torch.__version__
    assert set(record["versions"]) == {"python", "segpeft", "monai", "torch", "numpy", "ignite", "cuda"}
    assert record["machine"]["cores"] >= 1
    assert [len(record["data"][section]) for section in ("training", "validation")] == [4, 2]


def test_nothing_is_written_before_the_run(tmp_path):
    RunRecord(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_config_is_that_of_the_parser_with_overrides_and_macros(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("other.json").write_text('{"rank": 8}')
    parser = ConfigParser(
        {**CONFIG, "a": 1, "b": "%a", "c": "$@a + 1", "d": "%other.json#rank", "_meta_": {"version": "9"}}
    )
    parser["a"] = 5
    found = parser.get_parsed_content("here")
    assert found.content == {**CONFIG, "a": 5, "b": 5, "c": "$@a + 1", "d": 8}
    assert found.metadata == {"version": "9"}
    assert found.run_id == "run"


def test_a_root_that_is_an_expression_is_replaced_by_its_value(tmp_path):
    parser = ConfigParser({**CONFIG, "bundle_root": f"${str(tmp_path)!r} + '/x'"})
    assert parser.get_parsed_content("here").content["bundle_root"] == str(tmp_path / "x")
    assert ConfigParser({**CONFIG, "bundle_root": "."}).get_parsed_content("here").content["bundle_root"] == "."


def test_objects_in_a_config_are_named(tmp_path):
    parser = ConfigParser({**CONFIG, "path": tmp_path, "device": torch.device("cpu"), "odd": [object()]})
    found = parser.get_parsed_content("here")
    assert found.lost == ["object"]
    assert (found.content["path"], found.content["device"]) == (str(tmp_path), "cpu")


def test_outside_of_a_parser_there_is_none():
    assert running_config().content is None


def test_a_repetition_with_other_data_is_refused(tmp_path):
    known = run(tmp_path)
    path = tmp_path / "out" / "record.json"
    config = {
        "repeats": str(path),
        "made": {"_target_": "segpeft.engines.RunRecord", "output_dir": str(tmp_path / "two")},
    }
    net = network()
    judge = validator(net)
    made = ConfigParser(config).get_parsed_content("made")
    made.validator = judge
    engine = trainer(net, adam(net), [made], max_epochs=1)
    engine.run()
    assert json.loads((tmp_path / "two" / "record.json").read_text())["data"] == known["data"]
    made.weights = [tmp_path / "encoder.pt"]
    with pytest.raises(InputError, match=r"encoder.pt: the run in .*record.json started from a file with another"):
        trainer(net, adam(net), [made], max_epochs=1).run()
    judge.data_loader.dataset.data.pop()
    with pytest.raises(InputError, match="case case1 is missing in section validation"):
        trainer(net, adam(net), [made], max_epochs=1).run()
