"""A volume of full size through the shipped network."""

from __future__ import annotations

import subprocess
import sys

import nibabel
import pytest
import torch

from segpeft.data.phantoms.__main__ import main as write_phantoms
from tests.bundles.runs import BUNDLES, workflow

MEASURE = """
import resource, sys
from monai.bundle import run
run(config_file="configs/inference.json", dataset_dir=sys.argv[1], output_dir=sys.argv[2], ckpt_path=sys.argv[3],
    device="cpu", overlap=0.1, num_workers=0)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux counts it")
def test_a_full_size_case_stays_below_8_gb(tmp_path):
    shape = ["240", "240", "155"]
    data = tmp_path / "data"
    assert write_phantoms(["brain", "--cases", "1", "--unlabelled", "--shape", *shape, "--out", str(data)]) == 0
    network = workflow("brats_lora", "inference").parser.get_parsed_content("network_def")
    torch.save(network.state_dict(), tmp_path / "m.pt")
    command = [sys.executable, "-c", MEASURE, str(data), str(tmp_path / "out"), str(tmp_path / "m.pt")]
    done = subprocess.run(command, cwd=BUNDLES / "brats_lora", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (result,) = (tmp_path / "out").glob("*.nii.gz")
    assert nibabel.load(result).shape == (240, 240, 155)
    peak = float(done.stdout.split("peak")[-1])
    assert 0.5 < peak < 8.0
