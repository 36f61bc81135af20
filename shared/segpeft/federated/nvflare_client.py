"""A site's script for NVFlare's client API: receives the trainable state, trains the bundle for a round, sends it back.

NVFlare copies this file into the job's app and runs it there, so it names its package in full.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

import nvflare.client as flare
from monai.fl.utils.constants import ExtraItems
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from segpeft.errors import find_input_error, reason_of
from segpeft.federated.adapter_algo import ROUND, AdapterAlgo
from segpeft.federated.exchange import from_exchange, to_exchange
from segpeft.federated.nvflare_model import from_flare, to_flare
from segpeft.federated.sites import site_knobs
from segpeft.federated.update import SERVER
from segpeft.settings import settings_of

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains as long as NVFlare sends rounds; a round that fails here is answered with nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True, help="folder of the bundle at this site")
    parser.add_argument("--config_file", nargs="+", required=True, help="training configs, of the bundle or absolute")
    parser.add_argument("--dataset_dir", required=True, help="the site's data")
    parser.add_argument("--out", required=True, help="where the site's training writes")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--local_epochs", type=int, default=1)
    parser.add_argument("--set", nargs="+", default=[], metavar="KNOB=VALUE")
    asked = parser.parse_args(arguments)
    flare.init()
    site = flare.get_site_name()
    knobs = {**settings_of(asked.set), **site_knobs(asked.dataset_dir, asked.out)}
    algo = AdapterAlgo(asked.bundle, asked.rounds, asked.local_epochs, asked.config_file, knobs)
    algo.initialize({ExtraItems.CLIENT_NAME: site})
    while flare.is_running():
        received = flare.receive()
        if received is None:
            break
        flare.send(_answer(algo, received, site))
    algo.finalize()


def _answer(algo: AdapterAlgo, received: FLModel, site: str) -> FLModel:
    try:
        algo.train(to_exchange(from_flare(received, SERVER)), {ROUND: received.current_round})
        return to_flare(from_exchange(algo.get_weights(), site))
    except Exception as error:  # an error would be sent to the server with its traceback, which may name paths
        wrong = find_input_error(error)
        logger.error("round %s: %s", received.current_round, reason_of(wrong or error), exc_info=wrong is None)
        return FLModel(ParamsType.FULL, {})


if __name__ == "__main__":
    main()
