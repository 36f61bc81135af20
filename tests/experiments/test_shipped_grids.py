"""Every grid of the repository gives networks that train."""

import ast
import json
from pathlib import Path

import pytest
import torch

from segpeft.data.label_schemes import label_scheme
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.experiments.__main__ import main
from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import read_grid
from segpeft.peft import count_parameters
from tests.bundles.runs import BUNDLES, workflow

GRIDS = BUNDLES.parent / "benchmarks" / "grids"
BRAIN = GRIDS / "channel_lora_brats.json"
VALUES = {"volumes": "/data/volumes", "dataset_dir": "/data/labelled"}


def network_of(path, configuration, seed, out, tiny=True):
    """What the training of a cell builds, from the command that the runner gives it."""
    grid = read_grid(path, tiny)
    cell = Cell(grid, configuration, seed, Places(out, BUNDLES, GRIDS), {**grid.values, **VALUES})
    command = cell.command(grid.stages[0])
    files = ast.literal_eval(command[command.index("--config_file") + 1])
    names = [file if Path(file).is_absolute() else Path(file).stem for file in files]
    run = workflow(grid.bundle, *names)
    run.parser.get_parsed_content("train#handlers")
    return run.parser.get_parsed_content("network"), run.parser


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("configuration", "method"),
    [("baseline", "full"), ("frozen", "decoder_only"), ("lora_32", "channel_lora"), ("unet", None)],
)
def test_networks(path, configuration, method, tmp_path):
    network, parser = network_of(path, configuration, 0, tmp_path)
    assert (network.peft.method.name if method else getattr(network, "peft", None)) == method
    counts = count_parameters(network)
    assert (counts["trainable"] < counts["total"]) == (method in ("decoder_only", "channel_lora"))
    image = torch.zeros(1, len(parser["channels"]), *parser["image_size"])
    regions = len(label_scheme(parser.get_parsed_content("label_scheme")).regions)
    with torch.no_grad():
        assert network(image).shape == (1, regions, *parser["image_size"])
    pretrained = parser.get_parsed_content("pretrained_encoder")
    assert (pretrained is None) == (configuration in ("baseline", "unet"))


def test_a_seed_decides_the_initial_weights(tmp_path):
    one, again, other = (network_of(BRAIN, "unet", seed, tmp_path)[0].state_dict() for seed in (0, 0, 1))
    key = next(key for key, value in one.items() if value.dim() > 1)
    assert torch.equal(one[key], again[key])
    assert not torch.equal(one[key], other[key])


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("tiny", [False, True], ids=["whole", "tiny"])
def test_every_grid_holds_the_rows_that_each_table_needs(path, tiny):
    grid = read_grid(path, tiny)
    paper = {"baseline", "finetune", "frozen", "lora_16", "lora_32", "lora_64"}
    assert paper | {"frozen_random", "unet"} == set(grid.configurations)
    assert len(grid.seeds) >= 3
    assert {"100", "75", "50", "25", "5"} == set(grid.variants)


@pytest.mark.slow
def test_one_row_of_the_tiny_form(tmp_path):
    volumes = tmp_path / "volumes"
    write_phantoms(["brain", "--cases", "2", "--shape", "32", "32", "32", "--unlabelled", "--out", str(volumes)])
    options = ["--only", "lora_16", "--seeds", "0", "--variants", "50"]
    options += [
        word for value in (f"volumes={volumes}", "epochs=1", "pretraining_epochs=1") for word in ("--set", value)
    ]
    out = ["--out", str(tmp_path), "--bundles", str(BUNDLES)]
    assert main([str(BRAIN), "--tiny", *options, *out]) == 0
    results = json.loads((tmp_path / "channel_lora_brats_tiny" / "results.json").read_text())
    assert [row["configuration"] for row in results["rows"]] == ["lora_16@50"]
    assert results["rows"][0]["cases"] == 8
