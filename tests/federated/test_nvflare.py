"""A job in NVFlare's own simulator: processes of their own for the server and every site."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.errors import InputError
from segpeft.federated.__main__ import main
from segpeft.peft import read_adapter
from tests.bundles.runs import BUNDLES, TRAINING

ENVIRONMENT = "SEGPEFT_NVFLARE_ENV"
PACKAGE = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="module")
def python() -> Path:
    folder = os.environ.get(ENVIRONMENT)
    if not folder:
        pytest.skip(f"{ENVIRONMENT} is not set, see docs/federated.md")
    return Path(folder).absolute() / "bin" / "python"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Two sites with data and one without, two rounds; the result's folder is left to be added."""
    for index, name in enumerate(("north", "south")):
        given = ["brain", "--cases", "3", "--start", str(3 * index), "--shape", "32", "32", "24"]
        assert write_phantoms([*given, "--out", str(tmp_path / name)]) == 0
    (tmp_path / "empty").mkdir()
    settings = tmp_path / "small.json"
    settings.write_text(json.dumps({**TRAINING, "val_interval": 9, "device": "cpu"}))
    sites = [str(tmp_path / name) for name in ("north", "south", "empty")]
    common = ["--bundle", str(BUNDLES / "brats_lora"), "--rounds", "2", "--sites", *sites]
    return [*common, "--config_file", "configs/train.json", str(settings), "--min_sites", "2"]


@pytest.mark.nvflare
def test_the_simulator_gives_what_one_process_gives(python: Path, command: list[str], tmp_path: Path) -> None:
    """But for the order in which the sites' answers are summed; the site without data drops out of both."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
    asked = [str(python), "-m", "segpeft.federated", "nvflare", *command, "--out", str(tmp_path / "flare")]
    ended = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-4000:]
    main(["simulate", *command, "--out", str(tmp_path / "plain")])
    found, header = read_adapter(tmp_path / "flare" / "adapter.safetensors")
    expected, known = read_adapter(tmp_path / "plain" / "adapter.safetensors")
    begun, _ = read_adapter(tmp_path / "flare" / "initial.safetensors")
    assert header == known
    assert any(not torch.allclose(value, begun[key]) for key, value in found.items())
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-6)
    sites = [path.name for path in (tmp_path / "flare").iterdir() if (path / "models" / "model.pt").is_file()]
    assert sorted(sites) == ["north", "south"]


@pytest.mark.nvflare
def test_an_exported_job_holds_no_code_of_the_package(python: Path, command: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    asked = [str(python), "-m", "segpeft.federated", "nvflare", *command, "--out", str(tmp_path / "flare"), "--export"]
    subprocess.run(asked, env=environment, check=True, capture_output=True)
    job = tmp_path / "flare" / "job" / "brats_lora_federated"
    assert {path.name for path in job.rglob("*.py")} == {"nvflare_client.py"}
    assert [path.parent.name for path in job.rglob("initial.safetensors")] == ["config"]


@pytest.mark.skipif(find_spec("nvflare") is not None, reason="NVFlare is installed here")
def test_without_nvflare_there_is_one_line(command: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"NVFlare is not installed .*docs/federated.md"):
        main(["nvflare", *command, "--out", str(tmp_path / "flare")])
