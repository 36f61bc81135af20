"""The grids over all methods: every row trains what its name says, every method is there."""

import itertools

import pytest
import torch

from segpeft.experiments.grid import read_grid
from segpeft.peft.registry import known_methods
from tests.experiments.grid_networks import GRIDS, network_of

OF_ALL = sorted(set(GRIDS.glob("methods_*.json")) - set(GRIDS.glob("methods_study_*.json")))
STUDIES = sorted(GRIDS.glob("methods_study_*.json"))
CELLS = [(path, row) for path in (*OF_ALL, *STUDIES) for row in read_grid(path).configurations]


@pytest.mark.parametrize(("path", "row"), CELLS, ids=lambda value: getattr(value, "stem", value))
def test_rows_give_networks(path, row, tmp_path):
    network, parser = network_of(path, row, 0, tmp_path, tiny=False)
    image = torch.zeros(1, 1, *parser["image_size"])
    with torch.no_grad():
        assert network.eval()(image).shape == (1, 2, *parser["image_size"])
    assert (network.peft.method.name if hasattr(network, "peft") else None) == method_named(path, row)
    assert parser["epochs"] == read_grid(path).values["epochs"]


@pytest.mark.parametrize("path", OF_ALL, ids=lambda path: path.stem)
def test_no_method_is_left_out(path):
    ours = {name for name, cls in known_methods().items() if cls.__module__.startswith("segpeft.")}
    named = {method_named(path, row) for row in read_grid(path).configurations}
    assert named == {*ours, None} - {"channel_lora"}, "one channel: channel LoRA is LoRA there; None is the UNet"


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_study_crosses_bitfit_adapter_and_prompt(path):
    crossed = {frozenset(parts_named(path, row)) for row in read_grid(path).configurations}
    three = ("bitfit", "houlsby", "vpt")
    for size in range(1, 4):
        assert {frozenset(parts) for parts in itertools.combinations(three, size)} <= crossed
    assert frozenset({"decoder_only"}) in crossed


def parts_named(path, row):
    method = read_grid(path).configurations[row].get("method")
    if isinstance(method, dict) and "methods" in method:
        return [part["method"] for part in method["methods"]]
    return [method_named(path, row)]


def method_named(path, row):
    method = read_grid(path).configurations[row].get("method")
    return method["method"] if isinstance(method, dict) else method
