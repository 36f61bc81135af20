"""Every grid of the repository gives networks that train."""

import ast
import json
from pathlib import Path

import pytest
import torch

from segpeft.experiments.__main__ import main
from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import read_grid
from segpeft.peft import count_parameters
from tests.bundles.runs import BUNDLES, workflow

GRIDS = BUNDLES.parent / "benchmarks" / "grids"
PHANTOM = GRIDS / "brats_phantom.json"


def network_of(configuration, seed, out, stage=0):
    """What a cell's stage builds, from the command that the runner gives it."""
    grid = read_grid(PHANTOM)
    cell = Cell(grid, configuration, seed, Places(out, BUNDLES, GRIDS), grid.values)
    command = cell.command(grid.stages[stage])
    files = ast.literal_eval(command[command.index("--config_file") + 1])
    names = [file if Path(file).is_absolute() else Path(file).stem for file in files]
    run = workflow("brats_lora", *names)
    run.parser.get_parsed_content("train#handlers")
    return run.parser.get_parsed_content("network"), run.parser


@pytest.mark.parametrize(
    ("configuration", "method"),
    [("baseline", "full"), ("decoder_only", "decoder_only"), ("channel_lora_8", "channel_lora"), ("unet", None)],
)
def test_networks(configuration, method, tmp_path):
    network, parser = network_of(configuration, 0, tmp_path)
    assert (network.peft.method.name if method else getattr(network, "peft", None)) == method
    counts = count_parameters(network)
    assert (counts["trainable"] < counts["total"]) == (method in ("decoder_only", "channel_lora"))
    image = torch.zeros(1, 4, *parser["image_size"])
    with torch.no_grad():
        assert network(image).shape == (1, 3, *parser["image_size"])
    pretrained = parser.get_parsed_content("pretrained_encoder")
    assert (pretrained is None) == (configuration in ("baseline", "unet"))


def test_a_seed_decides_the_initial_weights(tmp_path):
    one, again, other = (network_of("unet", seed, tmp_path)[0].state_dict() for seed in (0, 0, 1))
    key = next(key for key, value in one.items() if value.dim() > 1)
    assert torch.equal(one[key], again[key])
    assert not torch.equal(one[key], other[key])


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("tiny", [False, True], ids=["whole", "tiny"])
def test_every_grid_holds_the_rows_that_each_table_needs(path, tiny):
    grid = read_grid(path, tiny)
    assert {"decoder_only", "unet"} <= set(grid.configurations)
    assert tiny or len(grid.seeds) >= 3


@pytest.mark.slow
def test_tiny_form(tmp_path):
    assert main([str(PHANTOM), "--tiny", "--out", str(tmp_path), "--bundles", str(BUNDLES)]) == 0
    results = json.loads((tmp_path / "brats_phantom_tiny" / "results.json").read_text())
    assert [row["configuration"] for row in results["rows"]] == list(read_grid(PHANTOM).configurations)
    assert [len(row["seeds"]) for row in results["rows"]] == [2, 2, 2, 2]
    assert len(results["comparisons"]) == 6
