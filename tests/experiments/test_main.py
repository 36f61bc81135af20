import json

import pytest

from segpeft.errors import InputError
from segpeft.experiments.__main__ import main
from tests.bundles.runs import BUNDLES

GRID = {
    "name": "one",
    "bundle": "brats_lora",
    "stages": [{"name": "training", "run_id": "training", "configs": ["train.json"]}],
    "configurations": {"unet": {"dataset_dir": "{data}"}},
    "seeds": [0],
    "values": {"data": None},
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "needs a value for {data}", id="value"),
        pytest.param(["--set", "data"], "--set data: expected NAME=VALUE", id="set"),
        pytest.param(["--only", "nnunet"], "--only nnunet: no such configuration, expected some of unet", id="only"),
        pytest.param(["--set", "data=x", "--gpus", "0,first"], "'first' is no index of a GPU", id="gpus"),
        pytest.param(["--set", "data=x", "--bundles", "none"], "train.json: no such file", id="bundles"),
    ],
)
def test_wrong_arguments_leave_nothing(tmp_path, arguments, message):
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(GRID))
    with pytest.raises(InputError) as error:
        main([str(path), "--out", str(tmp_path / "out"), "--bundles", str(BUNDLES), *arguments])
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("only", ["unet", "unet@half"])
def test_rows_are_chosen_with_or_without_their_variant(tmp_path, only):
    path = tmp_path / "grid.json"
    path.write_text(json.dumps({**GRID, "variants": {"half": {"train_share": 0.5}}}))
    options = ["--only", only, "--variants", "half", "--out", str(tmp_path / "out"), "--bundles", str(BUNDLES)]
    with pytest.raises(InputError, match="needs a value for {data}"):  # it comes as far as the values
        main([str(path), *options])
