"""The server's side for NVFlare: its FedAvg with the checked average of trainable states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nvflare.app_common.abstract.fl_model import FLModel
from nvflare.app_common.aggregators.model_aggregator import ModelAggregator
from nvflare.app_common.workflows.fedavg import FedAvg

from segpeft.errors import InputError
from segpeft.peft.checkpoint import read_adapter, write_adapter

from .averaging import average
from .nvflare_model import from_flare, to_flare
from .update import SERVER, Update


class AdapterAggregator(ModelAggregator):
    """Collects the answers of a round and averages them by :func:`~segpeft.federated.averaging.average`.

    Args:
        min_sites: so many usable updates are needed in every round.
    """

    def __init__(self, min_sites: int = 1) -> None:
        super().__init__()
        self.min_sites = min_sites
        self.reference: Update | None = None
        self.answers: list[FLModel] = []

    def accept_model(self, model: FLModel) -> None:
        """Keeps an answer for the end of the round."""
        self.answers.append(model)

    def aggregate_model(self) -> FLModel:
        """Returns the average; a refused update is named in the log.

        Raises:
            InputError: there are too few usable updates.
        """
        if self.reference is None:
            raise RuntimeError("the controller has not said what the round began with")
        updates = []
        for answer in self.answers:
            try:
                updates.append(from_flare(answer, str(answer.meta.get("client_name"))))
            except InputError as error:
                self.warning(str(error))
        averaged, refused = average(updates, self.reference, self.min_sites)
        for reason in refused.values():
            self.warning(reason)
        self.reference = averaged
        return to_flare(averaged)

    def reset_stats(self) -> None:
        """Forgets the answers of the last round."""
        self.answers = []


class AdapterFedAvg(FedAvg):
    """NVFlare's ``FedAvg`` controller on adapter files: starts from one, and writes one after every round.

    What differs: a site that reports an error, or does not answer in time, does not end the job.

    Args:
        adapter: file to begin with: absolute, or by name in the ``config`` folder of the server's app.
        num_clients: sites a round.
        num_rounds: rounds in all.
        min_sites: so many usable updates are needed in every round.
        round_seconds: how long a round waits for its sites; 0: for ever.
        save_filename: the result, in the folder of the run.
    """

    def __init__(
        self,
        adapter: str,
        num_clients: int,
        num_rounds: int,
        min_sites: int = 1,
        round_seconds: int = 0,
        save_filename: str = "adapter.safetensors",
    ) -> None:
        aggregator = AdapterAggregator(min_sites)
        super().__init__(
            num_clients=num_clients,
            num_rounds=num_rounds,
            persistor_id="",
            ignore_result_error=True,
            save_filename=save_filename,
            aggregator=aggregator,
        )
        self.adapter, self.min_sites, self.round_seconds = adapter, min_sites, round_seconds
        self.averaging = aggregator

    def load_model(self) -> FLModel:
        """Reads the file that the federation begins with."""
        path = Path(self.adapter)
        if not path.is_absolute():
            path = Path(self.engine.get_workspace().get_app_config_dir(self.fl_ctx.get_job_id())) / path
        self.averaging.reference = Update(*read_adapter(path))
        return to_flare(self.averaging.reference)

    def save_model_file(self, model: FLModel, filepath: str) -> None:
        """Writes what was averaged as an adapter file."""
        update = from_flare(model, SERVER)
        write_adapter(filepath, update.state, update.header)

    def send_model(self, *args: Any, **kwargs: Any) -> None:
        """Sends the round's state, with the time that a round may take."""
        super().send_model(*args, **{"timeout": self.round_seconds, **kwargs})
