"""Simulates the sites of a federation on this machine, one after the other in one process."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

from monai.fl.utils.constants import ExtraItems

from segpeft.bundle.json_files import write_json
from segpeft.engines.precision import full_precision_state
from segpeft.machine import machine
from segpeft.settings import settings_of

from .adapter_algo import AdapterAlgo
from .arguments import add_training_arguments, check_configs
from .result import save_result
from .simulation import Simulation
from .sites import absences, site_knobs, sites_of
from .update import load_update


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add_training_arguments(parser)
    parser.add_argument("--absent", nargs="+", default=[], metavar="NAME=FIRST[-LAST]", help="rounds a site misses")
    parser.add_argument("--evaluate", action="store_true", help="judge every average on the sites' validation cases")


def run(asked: argparse.Namespace) -> None:
    """Runs the command line."""
    sites = sites_of(asked.sites)
    result = simulate(
        asked.bundle,
        sites,
        asked.out,
        asked.rounds,
        asked.local_epochs,
        config_file=asked.config_file,
        knobs=settings_of(asked.set),
        min_sites=asked.min_sites,
        absent=absences(asked.absent, list(sites)),
        evaluates=asked.evaluate,
    )
    share = result["update_bytes"] / result["full_bytes"]
    print(
        f"an update is {share:.1%} of the network's {result['full_bytes']:,} bytes; written: {asked.out / 'model.pt'}"
    )


def simulate(
    bundle: Path,
    sites: dict[str, Path],
    out: Path,
    rounds: int,
    local_epochs: int = 1,
    *,
    config_file: list[str],
    knobs: dict[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Trains a bundle at several sites and writes the averaged network.

    ``out`` gets ``model.pt`` and ``adapter.safetensors`` as a training writes them, ``federated.json``, and a folder a
    site with what its training writes.

    Args:
        bundle: its folder.
        sites: the data set of each by name.
        out: where to write.
        rounds: of the federation.
        local_epochs: epochs a round.
        config_file: training configs, relative to the bundle or absolute.
        knobs: overrides of the configs, the same at every site.
        **options: of :class:`Simulation`.

    Returns:
        The content of ``federated.json``: bytes of an update and of the whole network, and a record of each round.

    Raises:
        InputError: there is no such config, the bundle's network carries no method, or too few sites answered.
    """
    bundle, out = bundle.resolve(), out.resolve()
    check_configs(bundle, config_file)
    algos = {}
    for name, data in sites.items():
        overrides = {**(knobs or {}), **site_knobs(data, out / name)}
        algos[name] = AdapterAlgo(str(bundle), rounds, local_epochs, list(config_file), overrides)
        with warnings.catch_warnings():  # MONAI warns of configs that a server sends; this one is the user's own
            warnings.filterwarnings("ignore", message="executing the bundle config")
            algos[name].initialize({ExtraItems.CLIENT_NAME: name})
    simulation = Simulation(algos, **options)
    records = [_report(simulation.run_round(number), rounds) for number in range(rounds)]
    network = next(iter(algos.values())).network
    load_update(network, simulation.state)
    save_result(network, out)
    for algo in algos.values():
        algo.finalize()
    whole = sum(value.numel() * value.element_size() for value in full_precision_state(network).values())
    sizes = {"update_bytes": records[-1]["bytes_to_a_site"], "full_bytes": whole}
    result = {"machine": machine(), "local_epochs": local_epochs, **sizes, "rounds": records}
    write_json(out / "federated.json", result)
    return result


def _report(record: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Prints a line for a round and returns its record."""
    parts = [f"{name} {count} cases" for name, count in record["cases"].items()]
    parts += [f"{name} absent" for name in record["absent"]]
    parts += [f"{name} left out ({why})" for kind in ("failed", "refused") for name, why in record[kind].items()]
    parts += [f"{name} Dice {found['dice']:.3f}" for name, found in record["metrics"].items() if "dice" in found]
    print(f"round {record['round']} of {rounds}: {', '.join(parts)}; {record['seconds']:.0f} s", flush=True)
    return record
