"""Every grid of the repository gives networks that train."""

import itertools
import json

import pytest
import torch

from segpeft.data.label_schemes import label_scheme
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.experiments.__main__ import main
from segpeft.experiments.grid import read_grid
from segpeft.peft import count_parameters
from tests.bundles.runs import BUNDLES
from tests.experiments.grid_networks import GRIDS, network_of

BRAIN = GRIDS / "channel_lora_brats.json"
CHANNEL_LORA, MED_TUNING = (sorted(GRIDS.glob(f"{family}_*.json")) for family in ("channel_lora", "med_tuning"))
TEN = {
    "scratch": "full",
    "full": "full",
    "head": "decoder_only",
    "vpt_shallow": "vpt",
    "vpt_deep": "vpt",
    "adapter": "houlsby",
    "adaptformer": "adaptformer",
    "pro_tuning": "pro_tuning",
    "st_adapter": "st_adapter",
    "med_tuning": "med_adapter",
}
"""Configurations of the Med-Tuning paper's tables, and the names of their methods."""


@pytest.mark.parametrize("path", CHANNEL_LORA, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("configuration", "method"),
    [("baseline", "full"), ("frozen", "decoder_only"), ("lora_32", "channel_lora"), ("unet", None)],
)
def test_networks(path, configuration, method, tmp_path):
    check(path, configuration, method, tmp_path)


@pytest.mark.parametrize("path", [GRIDS / f"med_tuning_kits_{kind}.json" for kind in ("vit", "swin")])
@pytest.mark.parametrize(("configuration", "method"), [*TEN.items(), ("unet", None)])
def test_networks_of_med_tuning(path, configuration, method, tmp_path):
    check(path, configuration, method, tmp_path)


@pytest.mark.parametrize("name", ["ablations", "decoders"])
def test_every_variation_of_med_tuning_gives_a_network(name, tmp_path):
    path = GRIDS / f"med_tuning_{name}.json"
    counts = {}
    for configuration in read_grid(path).configurations:
        network, parser = network_of(path, configuration, 0, tmp_path)
        with torch.no_grad():
            assert network(torch.zeros(1, 1, *parser["image_size"])).shape == (1, 2, *parser["image_size"])
        counts[configuration] = count_parameters(network)["trainable"]
    same = {"ablations": {("add", "max"), ("concat", "init_default")}, "decoders": set()}[name]
    pairs = itertools.combinations(sorted(counts), 2)
    assert {pair for pair in pairs if counts[pair[0]] == counts[pair[1]]} == same


def check(path, configuration, method, out):
    network, parser = network_of(path, configuration, 0, out)
    assert (network.peft.method.name if method else getattr(network, "peft", None)) == method
    counts = count_parameters(network)
    assert (counts["trainable"] < counts["total"]) == (method not in ("full", None))
    image = torch.zeros(1, len(parser["channels"]), *parser["image_size"])
    regions = len(label_scheme(parser.get_parsed_content("label_scheme")).regions)
    with torch.no_grad():
        assert network.eval()(image).shape == (1, regions, *parser["image_size"])
    pretrained = parser.get_parsed_content("pretrained_encoder")
    assert (pretrained is None) == (configuration in ("baseline", "scratch", "unet"))


def test_a_seed_decides_the_initial_weights(tmp_path):
    one, again, other = (network_of(BRAIN, "unet", seed, tmp_path)[0].state_dict() for seed in (0, 0, 1))
    key = next(key for key, value in one.items() if value.dim() > 1)
    assert torch.equal(one[key], again[key])
    assert not torch.equal(one[key], other[key])


@pytest.mark.parametrize("path", CHANNEL_LORA, ids=lambda path: path.stem)
@pytest.mark.parametrize("tiny", [False, True], ids=["whole", "tiny"])
def test_every_grid_holds_the_rows_that_each_table_needs(path, tiny):
    grid = read_grid(path, tiny)
    paper = {"baseline", "finetune", "frozen", "lora_16", "lora_32", "lora_64"}
    assert paper | {"frozen_random", "unet"} == set(grid.configurations)
    assert len(grid.seeds) >= 3
    assert {"100", "75", "50", "25", "5"} == set(grid.variants)


@pytest.mark.parametrize("path", MED_TUNING, ids=lambda path: path.stem)
def test_every_grid_of_med_tuning_holds_the_rows_that_each_table_needs(path):
    grid = read_grid(path)
    if "kits" in path.stem:
        assert set(grid.configurations) == {*TEN, "unet"}
    assert any("methods/head.json" in row.get("configs", ()) for row in grid.configurations.values())
    assert any("unet" in name for name in grid.configurations)
    assert len(grid.seeds) >= 3
    assert {"100", "75", "50", "25", "5", "fold0", "fold4"} <= set(grid.variants)


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
