"""Bundles in a federation: MONAI's client algorithm, and a simulation of sites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from monai.fl.utils.constants import ExtraItems, ModelType
from monai.fl.utils.exchange_object import ExchangeObject

from segpeft.errors import InputError
from segpeft.federated import AdapterAlgo
from segpeft.federated.__main__ import main
from segpeft.federated.exchange import from_exchange, to_exchange
from segpeft.federated.sites import site_knobs
from segpeft.peft import read_adapter, trainable_state
from tests.bundles.runs import BUNDLES, TRAINING, Subject, plain, refusal, weights

KNOBS = {**TRAINING, "val_interval": 9}


def algo(bundle: str, data: Path, folder: Path, name: str = "a", rounds: int = 2, **knobs: object) -> AdapterAlgo:
    """A site, initialized."""
    given = {**knobs, **site_knobs(data, folder / name), "device": "cpu"}
    made = AdapterAlgo(str(BUNDLES / bundle), rounds, 1, train_kwargs=plain(given))
    made.initialize({ExtraItems.CLIENT_NAME: name})
    return made


def test_one_site_alone_is_a_plain_training(subject: Subject, tmp_path: Path) -> None:
    """To the bit, over all rounds: optimizer, learning rate and seeds go on where they were."""
    site = algo(subject.bundle, subject.data, tmp_path, **subject.training)
    state = site.get_weights()
    frozen = {k: v.clone() for k, v in site.network.state_dict().items() if k not in state.weights}
    for _ in range(2):
        site.train(state)
        state = site.get_weights()
    whole = weights(subject.trained / "out" / "training_state.pt")["network"]
    assert set(state.weights) == set(trainable_state(site.network))
    assert all(torch.equal(value, whole[key]) for key, value in state.weights.items())
    after = site.network.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in frozen.items())
    assert from_exchange(state, "a").cases == 4


def test_evaluating_leaves_the_network_as_it_was(phantoms: Path, tmp_path: Path) -> None:
    site = algo("brats_lora", phantoms, tmp_path, **KNOBS)
    own = site.update()
    other = {key: value + 0.3 if value.is_floating_point() else value for key, value in own.state.items()}
    given = ExchangeObject(weights=other, weight_type=to_exchange(own).weight_type, statistics=site_statistics(own))
    found = [site.evaluate(state).metrics for state in (to_exchange(own), given)]
    assert found[0]["cases"] == 2
    assert found[0]["dice"] != found[1]["dice"]
    assert all(torch.equal(value, own.state[key]) for key, value in site.update().state.items())


def site_statistics(update: object) -> dict:
    return to_exchange(update).statistics  # type: ignore[arg-type]


def test_another_rank_is_refused_at_a_site(phantoms: Path, tmp_path: Path) -> None:
    here = algo("brats_lora", phantoms, tmp_path, "a", **KNOBS)
    there = algo("brats_lora", phantoms, tmp_path, "b", **{**KNOBS, "method#rank": 2})
    said = refusal(here.train, there.get_weights())
    assert said == "update of server: rank is 2 in the update, 4 in the network"


def test_another_base_is_refused_at_a_site(phantoms: Path, tmp_path: Path) -> None:
    here = algo("brats_lora", phantoms, tmp_path, "a", **KNOBS)
    there = algo("brats_lora", phantoms, tmp_path, "b", **KNOBS, seed=1)
    assert "belongs to another base" in refusal(here.train, there.get_weights())


def test_saved_networks_are_not_given(phantoms: Path, tmp_path: Path) -> None:
    site = algo("brats_lora", phantoms, tmp_path, **KNOBS)
    assert "stay in the model_dir" in refusal(site.get_weights, {ExtraItems.MODEL_TYPE: ModelType.BEST_MODEL})


def test_weights_without_a_header_are_refused(phantoms: Path, tmp_path: Path) -> None:
    site = algo("brats_lora", phantoms, tmp_path, **KNOBS)
    assert "no weights with the header" in refusal(site.train, ExchangeObject(weights=dict(site.update().state)))


def test_a_network_without_a_method_is_refused(phantoms: Path, tmp_path: Path) -> None:
    unet = {"_target_": "torch.nn.Conv3d", "in_channels": 4, "out_channels": 3, "kernel_size": 1}
    knobs = {**KNOBS, "network_def": unet, "adapter_path": None}
    assert "carries no method" in refusal(algo, "brats_lora", phantoms, tmp_path, **knobs)


@pytest.fixture(scope="module")
def simulated(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rounds of three sites: `late` misses the first two, `empty` has no data."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "nothing").mkdir()
    settings = folder / "small.json"
    settings.write_text(json.dumps({**KNOBS, "device": "cpu"}))
    command = ["simulate", "--bundle", str(BUNDLES / "brats_lora"), "--rounds", "3", "--out", str(folder / "out")]
    command += ["--config_file", "configs/train.json", str(settings), "--absent", "late=1-2", "--evaluate"]
    main([*command, "--sites", f"here={phantoms}", f"late={phantoms}", f"empty={folder / 'nothing'}"])
    return folder / "out"


def test_a_federation_survives_sites_that_drop_out(simulated: Path) -> None:
    rounds = json.loads((simulated / "federated.json").read_text())["rounds"]
    assert [list(one["cases"]) for one in rounds] == [["here"], ["here"], ["here", "late"]]
    assert [one["absent"] for one in rounds] == [["late"], ["late"], []]
    assert all("empty" in one["failed"] for one in rounds)
    assert set(rounds[2]["metrics"]) == {"here", "late"}
    assert all(0 <= found["dice"] <= 1 for found in rounds[2]["metrics"].values())


def test_the_result_is_what_a_training_writes(simulated: Path) -> None:
    result = json.loads((simulated / "federated.json").read_text())
    whole, (state, _) = weights(simulated / "model.pt"), read_adapter(simulated / "adapter.safetensors")
    assert all(torch.equal(value, whole[key]) for key, value in state.items())
    assert result["full_bytes"] == sum(value.numel() * value.element_size() for value in whole.values())
    sent = sum(value.numel() * value.element_size() for value in state.values())
    assert sent < result["update_bytes"] < result["full_bytes"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--min_sites", "2"], "min_sites 2 is out of range"),
        (["--config_file", "configs/none.json"], "no such config file"),
        (["--set", "epochs"], "expected NAME=VALUE"),
    ],
    ids=["min_sites", "config", "setting"],
)
def test_wrong_arguments(phantoms: Path, tmp_path: Path, options: list[str], expected: str) -> None:
    given = ["simulate", "--bundle", str(BUNDLES / "brats_lora"), "--rounds", "1", "--out", str(tmp_path)]
    with pytest.raises(InputError, match=expected):
        main([*given, "--sites", f"a={phantoms}", *options])


def test_too_few_usable_sites_end_the_federation(phantoms: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "small.json").write_text(json.dumps({**KNOBS, "device": "cpu"}))
    command = ["simulate", "--bundle", str(BUNDLES / "brats_lora"), "--rounds", "1", "--out", str(tmp_path / "out")]
    command += ["--config_file", "configs/train.json", str(tmp_path / "small.json"), "--min_sites", "2"]
    said = refusal(main, [*command, "--sites", f"here={phantoms}", f"empty={tmp_path / 'nothing'}"])
    assert said.startswith("round 1: 1 usable updates, expected at least 2")
    assert "empty: " in said
