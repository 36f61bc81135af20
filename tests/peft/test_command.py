"""`python -m segpeft.peft`: tables, files in and out, exit codes and one line for what is wrong."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from segpeft.peft import DyLoRA, LoRA, apply_peft, load_adapter, merge, save_adapter
from segpeft.peft.__main__ import main
from segpeft.peft.configured import configured_network
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

ROOT = Path(__file__).parents[2]
INFERENCE = str(ROOT / "bundles" / "kits_medtuning" / "configs" / "inference.json")
IMAGE = [16, 24, 3]
ENCODER = {"kind": "vit", "patch_size": [8, 8], "hidden_size": 12, "mlp_dim": 16, "num_layers": 4, "num_heads": 2}
METHOD = {"_target_": "segpeft.peft.LoRA", "rank": 2}
KNOBS = [
    *("--set", f"image_size={json.dumps(IMAGE)}"),
    *("--set", f"encoder={json.dumps(ENCODER)}"),
    *("--set", f"method={json.dumps(METHOD)}"),
    *("--set", "feature_size=8"),
]
CONFIGURED = ["--config", INFERENCE, *KNOBS]


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    torch.manual_seed(0)
    return configured_network([INFERENCE], KNOBS[1::2], plain=True)


@pytest.fixture
def trained(plain: nn.Module, tmp_path: Path) -> nn.Module:
    """Trained, with its files in tmp_path: base.pt, model.pt and adapter.safetensors."""
    torch.save(plain.state_dict(), tmp_path / "base.pt")
    network = shake(apply_peft(copy.deepcopy(plain), LoRA(rank=2))).eval()
    torch.save(network.state_dict(), tmp_path / "model.pt")
    save_adapter(network, tmp_path / "adapter.safetensors")
    return network


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_list_counts_the_usual_backbones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    table = capsys.readouterr().out
    assert "| lora | 884,736 | 884,736 |" in table
    assert "| full |" in table
    assert "| bitfit |" in table


def test_list_counts_a_configured_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", *CONFIGURED) == 0
    lines = {line.split(" | ")[0].strip("| "): line for line in capsys.readouterr().out.splitlines()}
    assert "does not fit" in lines["channel_lora"]
    assert lines["decoder_only"].split(" | ")[1] != lines["full"].split(" | ")[1]


def test_inspect_tells_what_a_file_is(trained, tmp_path, capsys) -> None:
    assert run("inspect", tmp_path / "adapter.safetensors") == 0
    said = capsys.readouterr().out
    assert 'method: "lora"' in said
    assert "rank: 2" in said
    assert "layout slice_vit" in said
    assert "backbone_peft: " in said


@pytest.mark.parametrize("adapter", [False, True])
@torch.no_grad()
def test_merge_writes_the_ordinary_network(adapter, trained, plain, tmp_path) -> None:
    words = ["--adapter", tmp_path / "adapter.safetensors"] if adapter else []
    assert run("merge", *CONFIGURED, "--model", tmp_path / "model.pt", *words, "--out", tmp_path / "merged.pt") == 0
    state = torch.load(tmp_path / "merged.pt", weights_only=True)
    assert set(state) == set(plain.state_dict())
    assert all(torch.equal(value, state[key]) for key, value in merge(trained).state_dict().items())


@torch.no_grad()
def test_to_peft_and_back_gives_an_adapter_file(trained, plain, tmp_path) -> None:
    assert run("export-peft", *CONFIGURED, "--model", tmp_path / "model.pt", "--out", tmp_path / "hf") == 0
    back = ["--model", tmp_path / "base.pt", "--out", tmp_path / "back.safetensors"]
    assert run("import-peft", *CONFIGURED, tmp_path / "hf", *back) == 0
    network = load_adapter(apply_peft(copy.deepcopy(plain), LoRA(rank=2)), tmp_path / "back.safetensors").eval()
    image = torch.randn(1, 1, *IMAGE)
    assert torch.equal(network(image), trained(image))


def test_combine_and_truncate_write_files(tmp_path, capsys) -> None:
    backbone = BACKBONES["slice_vit"]
    for seed in (1, 2):
        save_adapter(shake(apply_peft(backbone.network(), LoRA(rank=2)), seed), tmp_path / f"{seed}.safetensors")
    files = [tmp_path / "1.safetensors", tmp_path / "2.safetensors"]
    assert run("combine", *files, "--weights", 0.5, 0.5, "--out", tmp_path / "sum.safetensors") == 0
    save_adapter(shake(apply_peft(backbone.network(), DyLoRA(rank=4))), tmp_path / "dy.safetensors")
    assert run("truncate", tmp_path / "dy.safetensors", "--rank", 3, "--out", tmp_path / "cut.safetensors") == 0
    said = capsys.readouterr().out
    assert "lora of rank 4" in said
    assert "lora of rank 3" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "nowhere.safetensors"], "nowhere.safetensors: not a readable safetensors file"),
        (["merge", "--config", "nowhere.json", "--model", "m.pt", "--out", "o.pt"], "nowhere.json: no such file"),
        (["merge", *CONFIGURED, "--model", "nowhere.pt", "--out", "o.pt"], "nowhere.pt: no such file"),
        (
            ["merge", *CONFIGURED, "--set", "rank", "--model", "m.pt", "--out", "o.pt"],
            "--set rank: expected NAME=VALUE",
        ),
        (["import-peft", *CONFIGURED, "nowhere", "--model", "base.pt", "--out", "o"], "nowhere: not what peft saves"),
        (["truncate", "adapter.safetensors", "--rank", "1", "--out", "o"], "is of lora, expected dylora"),
        (["list", "--config", INFERENCE, "--set", 'decoder="none"'], "error: decoder 'none' is unknown"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, said, trained, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


def test_a_wrong_argument_is_status_2(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["merge"])
    assert "--config" in capsys.readouterr().err
