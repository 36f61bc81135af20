import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from segpeft.errors import InputError
from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import Grid, Preparation, Stage

TRAINING = Stage("training", "training", ["train.json", "small.json"], {"dataset_dir": "{out}/data"})


@pytest.fixture
def cell(tmp_path):
    configs = tmp_path / "bundles" / "toy" / "configs"
    configs.mkdir(parents=True)
    (configs / "train.json").write_text('{"epochs": 5}')
    (configs / "small.json").write_text("{}")
    prepare = [Preparation("data", "{out}/data/dataset.json", ["-m", "make", "{cases}"])]
    grid = Grid(
        "grid", "toy", [TRAINING], {"a": {"rank": "{rank}"}, "b": {}}, [0, 1], overrides={"x": 1}, prepare=prepare
    )
    places = Places(tmp_path / "out", tmp_path / "bundles", tmp_path)
    return Cell(grid, "a", 1, places, {"rank": 8, "cases": 3})


def files_of(command):
    return ast.literal_eval(command[command.index("--config_file") + 1])


def test_command_names_the_configs_and_then_the_overrides(cell):
    command = cell.command(TRAINING)
    assert command[:4] == ["-m", "monai.bundle", "run", "training"]
    first, second, *overrides = files_of(command)
    assert (first, second) == ("configs/train.json", "configs/small.json")
    contents = [json.loads(Path(path).read_text()) for path in overrides]
    assert contents[:3] == [{"x": 1}, {"dataset_dir": f"{cell.places.out}/data"}, {"rank": 8}]
    assert contents[3]["seed"] == 1
    assert contents[3]["resume"] is True
    assert contents[3]["output_dir"] == str(cell.folder / "training")


def test_a_configuration_may_name_config_files_of_the_bundle(cell):
    overlay = cell.bundle / "configs" / "deep.json"
    overlay.write_text('{"method": {}}')
    (overlay.parent / "swin.json").write_text("{}")
    configurations = {"a": {"configs": ["deep.json"], "rank": 3}}
    deep = replace(cell, grid=replace(cell.grid, configurations=configurations, overlays=["swin.json"]))
    *names, _, _, deep_config, own, _ = files_of(deep.command(TRAINING))
    assert names == ["configs/train.json", "configs/small.json", "configs/swin.json"]
    assert deep_config == "configs/deep.json"  # after the overrides of grid and stage: it may take one back
    assert json.loads(Path(own).read_text()) == {"rank": 3}
    before = deep.fingerprint()
    overlay.write_text('{"method": {"deep": true}}')
    assert deep.fingerprint() != before


def test_fingerprint_ignores_the_place(cell, tmp_path):
    moved = replace(cell, places=replace(cell.places, out=tmp_path / "elsewhere"))
    assert moved.fingerprint() == cell.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda cell: replace(cell, seed=0), id="seed"),
        pytest.param(lambda cell: replace(cell, configuration="b"), id="configuration"),
        pytest.param(lambda cell: replace(cell, values={"rank": 4, "cases": 3}), id="value-of-an-override"),
        pytest.param(lambda cell: replace(cell, values={"rank": 8, "cases": 4}), id="value-of-a-preparation"),
        pytest.param(lambda cell: replace(cell, grid=replace(cell.grid, overrides={"x": 2})), id="override"),
    ],
)
def test_fingerprint_knows_the_settings(cell, change):
    assert change(cell).fingerprint() != cell.fingerprint()


def test_fingerprint_knows_the_configs_of_the_bundle(cell):
    before = cell.fingerprint()
    (cell.bundle / "configs" / "train.json").write_text('{"epochs": 6}')
    assert cell.fingerprint() != before


def test_a_config_that_is_missing(cell):
    (cell.bundle / "configs" / "small.json").unlink()
    with pytest.raises(InputError, match=r"small\.json: no such file"):
        cell.fingerprint()


def test_begin_keeps_what_the_same_settings_left_and_deletes_the_rest(cell):
    cell.begin()
    cell.starts(add=1)
    (cell.folder / "kept").touch()
    cell.begin()
    assert (cell.folder / "kept").exists()
    assert cell.starts() == 1
    other = replace(cell, values={"rank": 4, "cases": 3})
    other.begin()
    assert not (cell.folder / "kept").exists()
    assert other.starts() == 0


def test_record_belongs_to_its_settings(cell):
    cell.folder.mkdir(parents=True)
    record = {"fingerprint": cell.fingerprint(), "status": "done"}
    (cell.folder / "cell.json").write_text(json.dumps(record))
    assert cell.record() == record
    assert replace(cell, values={"rank": 4, "cases": 3}).record() == {}
    (cell.folder / "cell.json").write_text(json.dumps(record)[:-5])
    assert cell.record() == {}


def test_a_value_may_name_a_place(cell):
    made = replace(cell, values={**cell.values, "rank": "{out}/data"})
    *_, own, _ = files_of(made.command(TRAINING))
    assert json.loads(Path(own).read_text()) == {"rank": f"{cell.places.out}/data"}
    moved = replace(made, places=replace(cell.places, out=Path("/elsewhere")))
    assert moved.fingerprint() == made.fingerprint()


def test_a_cell_that_was_never_begun_needs_no_values(cell):
    assert replace(cell, values={}).record() == {}
