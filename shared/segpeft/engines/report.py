"""What a run cost and gave."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from torch import nn

from segpeft.atomic_files import replacing
from segpeft.peft import adapter_bytes, count_parameters

from .checkpoint_loading import bare_network
from .distributed import is_main
from .memory import peak_device_memory, peak_host_memory
from .ordering import attach_last
from .step_cost import StepCost

logger = logging.getLogger(__name__)


class RunSummary:
    """Logs parameters, seconds, peak memory and metrics at the end of a run, and writes them to ``<name>.json``.

    Keys: ``parameters`` (``total``, ``trainable``, ``backbone_peft``, ``task_head``), ``seconds``, ``epochs``,
    ``iterations``, ``peak_host_bytes``, ``peak_device_bytes`` (None without CUDA), ``metrics``, ``best_metric`` and
    ``best_metric_epoch`` (None without validation), and of a training what :class:`StepCost` found. The seconds are
    those of this run: a resumed one counts from the resumption.

    Args:
        output_dir: where to write.
        network: whose parameters to count.
        validator: of a training.
        name: of the file.
        cost: of the steps of a training, attached before this handler.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        network: nn.Module,
        validator: Evaluator | None = None,
        name: str = "run",
        cost: StepCost | None = None,
    ) -> None:
        self.path = Path(output_dir) / f"{name}.json"
        self.network = network
        self.validator = validator
        self.cost = cost
        self.started = 0.0

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer, or to an evaluator that runs by itself."""
        engine.add_event_handler(Events.STARTED, self.start)
        attach_last(engine, Events.COMPLETED, self)

    def start(self, engine: Engine) -> None:
        """Starts the clock."""
        self.started = time.monotonic()

    def __call__(self, engine: Engine) -> None:
        """Logs and writes, on the main process."""
        if not is_main():
            return
        result = self.summary(engine)
        with replacing(self.path) as partial:
            partial.write_text(json.dumps(result, indent=4) + "\n", encoding="utf-8")
        parameters = result["parameters"]
        host, device = result["peak_host_bytes"], result["peak_device_bytes"]
        logger.info(
            "%.1f s, %s of %s parameters trainable (%.2f %%), peak memory: host %s, device %s",
            result["seconds"],
            f"{parameters['trainable']:,}",
            f"{parameters['total']:,}",
            100 * parameters["trainable"] / max(parameters["total"], 1),
            "unknown" if host is None else f"{host / 2**30:.2f} GiB",
            "none" if device is None else f"{device / 2**30:.2f} GiB",
        )

    def summary(self, engine: Engine) -> dict[str, Any]:
        """Returns what is written."""
        network = bare_network(self.network)
        judge: Any = self.validator.state if self.validator is not None else engine.state
        validated = self.validator is not None and judge.best_metric_epoch != -1
        return {
            "parameters": count_parameters(network),
            "adapter_bytes": None if getattr(network, "peft", None) is None else adapter_bytes(network),
            "seconds": round(time.monotonic() - self.started, 3),
            "epochs": engine.state.epoch,
            "iterations": engine.state.iteration,
            "peak_host_bytes": peak_host_memory(),
            "peak_device_bytes": peak_device_memory(),
            "metrics": finite_metrics(judge.metrics),
            "best_metric": judge.best_metric if validated else None,
            "best_metric_epoch": judge.best_metric_epoch if validated else None,
            **(self.cost.summary() if self.cost is not None else {}),
        }


def finite_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns the metrics that are finite numbers."""
    return {name: value for name, value in metrics.items() if isinstance(value, (int, float)) and math.isfinite(value)}
