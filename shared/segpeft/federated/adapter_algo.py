"""A site's side of a federation: MONAI's ``MonaiAlgo``, of whose network only the trainable state leaves."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

from monai.bundle import ConfigWorkflow
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems, FlPhase, FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject
from torch import nn

from segpeft.engines.checkpoint_loading import bare_network
from segpeft.engines.report import finite_metrics
from segpeft.errors import InputError
from segpeft.networks import load_base
from segpeft.peft.checkpoint import network_header

from .exchange import from_exchange, to_exchange
from .rounds import Rounds
from .update import SERVER, Update, load_update, update_of

ROUND = "round"
"""Entry of ``extra`` in :meth:`AdapterAlgo.train`: the number of the round, from 0."""

T = TypeVar("T")


class AdapterAlgo(MonaiAlgo):
    """MONAI's client algorithm for bundles whose network carries a method, exchanging its trainable state alone.

    What differs from ``monai.fl.client.MonaiAlgo``:

    - ``get_weights`` gives the trainable parameters and the buffers of their modules; method, layout and sha256 of the
      base stand in the statistics. Weights come as they are, not as differences.
    - ``train`` and ``evaluate`` take such an object strictly: another base, method, hyper-parameter, key or shape, and
      values that are not finite, are refused in one line.
    - The pre-trained encoder is loaded when the algorithm is initialized.
    - All rounds are one training, see :class:`~segpeft.federated.rounds.Rounds`; the optimizer's state stays here.
    - ``evaluate`` judges the given state by the validator of the training configs, in the network in training, whose
      own state is put back.

    Args:
        bundle_root: folder of the bundle.
        rounds: of the federation.
        local_epochs: epochs a round.
        config_train_filename: training configs, relative to ``bundle_root`` or absolute; later ones win.
        train_kwargs: overrides of the configs: ``dataset_dir``, ``output_dir``, ``model_dir``, ``cache_dir`` of this
            site.
        config_filters_filename: see ``MonaiAlgo``.

    Raises:
        InputError: (``initialize``) the network carries no method, or the pre-trained encoder does not fit.
    """

    trainer: Any  # MONAI declares what is None before initialize, and None after it where nothing is configured
    evaluator: Any
    train_workflow: Any
    eval_workflow: Any
    pre_filters: Any
    post_weight_filters: Any
    post_evaluate_filters: Any

    def __init__(
        self,
        bundle_root: str,
        rounds: int,
        local_epochs: int = 1,
        config_train_filename: str | list[str] = "configs/train.json",
        train_kwargs: Mapping[str, Any] | None = None,
        config_filters_filename: str | list[str] | None = None,
    ) -> None:
        super().__init__(
            bundle_root,
            local_epochs=local_epochs,
            send_weight_diff=False,
            config_train_filename=config_train_filename,
            train_kwargs={"bundle_root": bundle_root, **(train_kwargs or {})},
            config_evaluate_filename=None,
            config_filters_filename=config_filters_filename,
        )
        self.planned_rounds = rounds
        self.rounds: Rounds | None = None

    @property
    def network(self) -> nn.Module:
        """The network in training."""
        self._ready()
        return bare_network(self.trainer.network)

    def initialize(self, extra: dict[str, Any] | None = None) -> None:
        """Builds the network and the engines, and loads the base."""
        kwargs = deepcopy(self.train_kwargs)  # a parser writes into what it is given
        super().initialize(extra)
        parser = self.train_workflow.parser
        schedule = parser.get_parsed_content("schedule")
        self.rounds = Rounds(self.trainer, self.planned_rounds, self.local_epochs, schedule)
        network_header(self.network)  # refuses a network without a method before anything is trained
        load_base(self.network, parser.get_parsed_content("pretrained_encoder"))
        # MONAI's own way would build a second network; this one is judged by the validator of the same configs
        self.eval_workflow = ConfigWorkflow(
            self._add_config_files(self.config_train_filename),
            logging_file=False,
            workflow_type="train",
            **{**kwargs, "network": self.trainer.network},
        )
        self.eval_workflow.initialize()
        self.evaluator = self.eval_workflow.evaluator

    def update(self) -> Update:
        """Returns the trainable state as it is now, with the number of training cases of this site."""
        cases = len(self.train_workflow.train_dataset_data)
        return update_of(self.network, self.client_name or "", cases)

    def train(self, data: ExchangeObject, extra: dict[str, Any] | None = None) -> None:
        """Trains a round.

        Args:
            data: the state to begin with, see :func:`to_exchange`.
            extra: ``round``, its number from 0; default the one after the last.

        Raises:
            InputError: the state does not fit the network, or see :class:`~segpeft.federated.rounds.Rounds`.
        """
        given = self._received(data, extra)
        self.phase = FlPhase.TRAIN
        self.iter_of_start_time = self.trainer.state.iteration
        number = (extra or {}).get(ROUND, self.trainer.state.epoch // self.local_epochs)
        self._ready().run(int(number), partial(load_update, self.network, given))

    def get_weights(self, extra: dict[str, Any] | None = None) -> ExchangeObject:
        """Returns the trainable state as it is now.

        Raises:
            InputError: a saved network is asked for (``ExtraItems.MODEL_TYPE``).
        """
        self.phase = FlPhase.GET_WEIGHTS
        if ExtraItems.MODEL_TYPE in (extra or {}):
            raise InputError(f"{ExtraItems.MODEL_TYPE}: saved networks stay in the model_dir of their site")
        trainer = self._ready().trainer
        done = trainer.state.iteration - self.iter_of_start_time
        statistics = {**trainer.get_stats(), FlStatistics.NUM_EXECUTED_ITERATIONS: done}
        weights = to_exchange(self.update(), statistics)
        for change in self.post_weight_filters or ():
            weights = change(weights, extra or {})
        return weights

    def evaluate(self, data: ExchangeObject, extra: dict[str, Any] | None = None) -> ExchangeObject:
        """Returns the metrics of a state on the validation cases of this site.

        Raises:
            InputError: the state does not fit the network.
        """
        evaluator = self.evaluator
        given, own = self._received(data, extra), update_of(self.network)
        self.phase = FlPhase.EVALUATE
        load_update(self.network, given)
        try:
            evaluator.run(self.trainer.state.epoch + 1)
        finally:
            load_update(self.network, own)
        found = ExchangeObject(metrics=finite_metrics(evaluator.state.metrics))
        for change in self.post_evaluate_filters or ():
            found = change(found, extra or {})
        return found

    def _received(self, data: ExchangeObject, extra: dict[str, Any] | None) -> Update:
        for change in self.pre_filters or ():
            data = change(data, extra or {})
        return from_exchange(data, SERVER)

    def _ready(self) -> Rounds:
        if self.rounds is None:
            raise RuntimeError("call initialize first")
        return self.rounds
