"""Makes a job for NVFlare of a bundle, and runs it in NVFlare's simulator, or leaves it to be submitted."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from monai.fl.utils.constants import ExtraItems
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import load_adapter, save_adapter
from segpeft.settings import settings_of

from .adapter_algo import AdapterAlgo
from .arguments import add_training_arguments, check_configs
from .result import save_result
from .sites import site_knobs, sites_of
from .update import SERVER

if TYPE_CHECKING:
    from nvflare.job_config.api import FedJob

INITIAL = "initial.safetensors"
"""The adapter file that the federation begins with, in the server's app."""

RESULT = "adapter.safetensors"
"""The adapter file after the last round, in the folder of the server's run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add_training_arguments(parser)
    parser.add_argument("--adapter", type=Path, help="adapter file to begin with; default: the bundle's fresh one")
    parser.add_argument("--round_seconds", type=int, default=0, help="how long a round waits; default: for ever")
    parser.add_argument("--export", action="store_true", help="write the job to OUT/job instead of simulating it")


def run(asked: argparse.Namespace) -> None:
    """Runs the command line.

    Raises:
        InputError: NVFlare is not installed, or the simulation ended with an error.
    """
    bundle, out = asked.bundle.resolve(), asked.out.resolve()
    check_configs(bundle, asked.config_file)
    sites = sites_of(asked.sites)
    network = _begin(asked, bundle, next(iter(sites.values())), out)
    job = make_job(asked, bundle, sites, out)
    if asked.export:
        job.export_job(str(out / "job"))
        print(f"written: {out / 'job' / job.name}")
        return
    workspace = out / "simulation"
    if job.simulator_run(str(workspace), threads=len(sites)):
        raise InputError(f"{workspace}: NVFlare's simulator ended with an error, see the logs there")
    load_adapter(network, workspace / "server" / "simulate_job" / RESULT)
    save_result(network, out)
    print(f"written: {out / 'model.pt'}")


def make_job(asked: argparse.Namespace, bundle: Path, sites: dict[str, Path], out: Path) -> FedJob:
    """Returns the job: the checked FedAvg at the server, the client script with its site's data at every site.

    Raises:
        InputError: NVFlare is not installed.
    """
    try:
        from nvflare.client.config import ExchangeFormat
        from nvflare.fuel.utils.constants import FrameworkType
        from nvflare.job_config.api import FedJob
        from nvflare.job_config.script_runner import ScriptRunner

        from .nvflare_server import AdapterFedAvg
    except ImportError as error:
        raise InputError(f"NVFlare is not installed ({error}): see docs/federated.md") from error
    job = FedJob(name=f"{bundle.name}_federated", min_clients=asked.min_sites)
    job.set_app_packages(["segpeft"])  # installed at the sites, not sent to them
    job.add_file_to_server(str(out / INITIAL), app_folder_type="config")
    job.to_server(AdapterFedAvg(INITIAL, len(sites), asked.rounds, asked.min_sites, asked.round_seconds, RESULT))
    for name, data in sites.items():
        command = ["--bundle", str(bundle), "--dataset_dir", str(data), "--out", str(out / name)]
        command += ["--rounds", str(asked.rounds), "--local_epochs", str(asked.local_epochs)]
        command += ["--config_file", *asked.config_file, *(["--set", *asked.set] if asked.set else [])]
        script = str(Path(__file__).with_name("nvflare_client.py"))
        job.to(
            ScriptRunner(
                script,
                shlex.join(command),
                framework=FrameworkType.RAW,
                server_expected_format=ExchangeFormat.RAW,
            ),
            name,
        )
    return job


def _begin(asked: argparse.Namespace, bundle: Path, data: Path, out: Path) -> nn.Module:
    """Writes the trainable state to begin with and returns the network; no data are read."""
    knobs = {**settings_of(asked.set), **site_knobs(data, out / SERVER)}
    algo = AdapterAlgo(str(bundle), asked.rounds, asked.local_epochs, asked.config_file, knobs)
    algo.initialize({ExtraItems.CLIENT_NAME: SERVER})
    if asked.adapter is not None:
        load_adapter(algo.network, asked.adapter)
    save_adapter(algo.network, out / INITIAL)
    return algo.network
