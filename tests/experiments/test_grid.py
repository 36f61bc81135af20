import json

import pytest

from segpeft.errors import InputError
from segpeft.experiments.grid import read_grid, vary

GRID = {
    "name": "few",
    "bundle": "brats_lora",
    "stages": [{"name": "training", "run_id": "training", "configs": ["train.json"]}],
    "configurations": {"a": {}, "b": {"method#rank": 2}},
    "seeds": [0, 1, 2],
    "values": {"epochs": 30, "cases": 20},
    "overrides": {"epochs": "{epochs}"},
    "tiny": {"seeds": [0], "values": {"epochs": 1}, "configurations": {"a": {}}},
}


def written(folder, **changes):
    path = folder / "grid.json"
    path.write_text(json.dumps({k: v for k, v in {**GRID, **changes}.items() if v is not None}))
    return path


def test_reads(tmp_path):
    grid = read_grid(written(tmp_path))
    assert (grid.name, grid.seeds, list(grid.configurations)) == ("few", [0, 1, 2], ["a", "b"])
    assert grid.stages[0].configs == ["train.json"]
    assert grid.stages[0].overrides == {}
    assert grid.metrics == ("dice",)


def test_tiny_replaces_fields_and_merges_values(tmp_path):
    grid = read_grid(written(tmp_path), tiny=True)
    assert (grid.name, grid.seeds, list(grid.configurations)) == ("few_tiny", [0], ["a"])
    assert grid.values == {"epochs": 1, "cases": 20}
    assert grid.overrides == {"epochs": "{epochs}"}


def test_tiny_says_what_it_is_in_front(tmp_path):
    path = written(tmp_path, about="All methods.", tiny={"about": "Few cases."})
    assert read_grid(path, tiny=True).about == "Few cases. All methods."


def test_a_base_gives_what_the_grid_leaves_out(tmp_path):
    (tmp_path / "base.json").write_text(json.dumps({"seeds": [7], "configurations": {"c": {}}}))
    grid = read_grid(written(tmp_path, base="base.json", configurations=None))
    assert (grid.seeds, list(grid.configurations)) == ([0, 1, 2], ["c"])
    (tmp_path / "middle.json").write_text(json.dumps({"base": "base.json", "seeds": [8]}))
    grid = read_grid(written(tmp_path, base="middle.json", seeds=None, configurations=None))
    assert (grid.seeds, list(grid.configurations)) == ([8], ["c"])
    with pytest.raises(InputError, match="gone.json: not a readable JSON file"):
        read_grid(written(tmp_path, base="gone.json"))


def test_values_and_overrides_are_taken_entry_by_entry(tmp_path):
    (tmp_path / "base.json").write_text(json.dumps({"values": {"a": 1, "b": 1}, "overrides": {"epochs": 1}}))
    (tmp_path / "other.json").write_text(json.dumps({"values": {"b": 2, "c": 2}}))
    grid = read_grid(written(tmp_path, base=["base.json", "other.json"], values={"c": 3}, overrides={"fold": 0}))
    assert (grid.values, grid.overrides) == ({"a": 1, "b": 2, "c": 3}, {"epochs": 1, "fold": 0})


def test_tiny_forms_are_merged_as_grids_are(tmp_path):
    tiny = {"about": "Few cases.", "seeds": [4], "overrides": {"epochs": 1}}
    (tmp_path / "base.json").write_text(json.dumps({"tiny": tiny, "overrides": {"fold": 2}}))
    own = {"overrides": {"feature_size": 8}}
    path = written(tmp_path, base="base.json", about="All.", overrides=None, tiny=own)
    grid = read_grid(path, tiny=True)
    assert (grid.about, grid.seeds) == ("Few cases. All.", [4])
    assert grid.overrides == {"fold": 2, "epochs": 1, "feature_size": 8}
    assert read_grid(path).overrides == {"fold": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"bundle": None}, "grid lacks 'bundle'", id="missing"),
        pytest.param({"axes": {}}, "grid has the unknown 'axes', expected name, bundle", id="unknown"),
        pytest.param({"stages": ["training"]}, "stage is 'training', expected an object", id="stage"),
        pytest.param({"stages": [{"name": "a", "run_id": "b"}]}, "stage lacks 'configs'", id="stage-missing"),
        pytest.param({"seeds": []}, "seeds is empty", id="no-seeds"),
        pytest.param({"configurations": {"a/b": {}}}, "'a/b' names a folder", id="folder-name"),
    ],
)
def test_wrong_grids(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        read_grid(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize("text", [pytest.param(None, id="missing"), pytest.param("{", id="damaged")])
def test_no_json(tmp_path, text):
    path = tmp_path / "grid.json"
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match="not a readable JSON file"):
        read_grid(path)


def test_variants_cross_configurations(tmp_path):
    grid = read_grid(written(tmp_path, variants={"100": {}, "50": {"train_share": 0.5}}))
    assert vary(grid, ["100", "50"]).configurations == {
        "a@100": {},
        "a@50": {"train_share": 0.5},
        "b@100": {"method#rank": 2},
        "b@50": {"method#rank": 2, "train_share": 0.5},
    }
    with pytest.raises(InputError, match="--variants 25: no such variant, expected some of 100, 50"):
        vary(grid, ["100", "25"])


def test_config_files_of_a_variant_follow_those_of_the_configuration(tmp_path):
    configurations = {"a": {"configs": ["head.json"]}, "b": {}}
    path = written(tmp_path, configurations=configurations, variants={"swin": {"configs": ["swin.json"], "x": 1}})
    assert vary(read_grid(path), ["swin"]).configurations == {
        "a@swin": {"configs": ["head.json", "swin.json"], "x": 1},
        "b@swin": {"configs": ["swin.json"], "x": 1},
    }


def test_a_grid_without_a_tiny_form_says_so(tmp_path):
    path = written(tmp_path, tiny=None)
    with pytest.raises(InputError, match="has no tiny form, expected it without --tiny"):
        read_grid(path, tiny=True)
