"""The record of a run in an MLflow store, where one tracks the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from monai.handlers import MLFlowHandler

from .ordering import attach_last

LONGEST = 500
"""Characters of a parameter that every version of MLflow takes."""


class TrackedRecord:
    """Adds to the MLflow run of an engine what MONAI's ``MLFlowHandler`` does not know.

    Knobs of the config as parameters (without expressions and what does not fit into one), the git revision and the
    digest of the data as tags, the record itself as an artifact. Without an ``MLFlowHandler`` on the engine, which
    ``--tracking mlflow`` puts there, nothing happens. The run of an evaluation is closed at its end: MONAI's settings
    close that of a training only.

    Args:
        path: the record, written by another handler when the run starts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.added = False

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer, or to an evaluator that runs by itself."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)  # when all that happens at the start is done
        attach_last(engine, Events.COMPLETED, self.close)

    def __call__(self, engine: Engine) -> None:
        """Adds the record, once."""
        if self.added:
            return
        self.added = True
        for handler in _trackers(engine):
            record = json.loads(self.path.read_text(encoding="utf-8"))
            client, run = handler.client, handler.cur_run.info.run_id  # type: ignore[attr-defined]
            known = client.get_run(run).data.params  # of a resumed run, and what is there can't be changed
            for name, value in _knobs(record["config"] or {}).items():
                if name not in known:
                    client.log_param(run, name, value)
            client.set_tag(run, "data_sha256", record["data"]["sha256"])
            if record["git"]:
                client.set_tag(run, "mlflow.source.git.commit", record["git"]["revision"])
            client.log_artifact(run, str(self.path))

    def close(self, engine: Engine) -> None:
        """Marks runs as finished that nothing else has."""
        for handler in _trackers(engine):
            handler.close()


def _trackers(engine: Engine) -> Iterator[MLFlowHandler]:
    """Yields the handlers of an engine that have an MLflow run."""
    for handler, *_ in engine._event_handlers[Events.STARTED]:  # ignite has no public way to list them
        owner = getattr(handler, "__self__", None)
        if isinstance(owner, MLFlowHandler) and owner.cur_run is not None:
            yield owner


def _knobs(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the entries of a config that say something by themselves: neither made of others nor expressions."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in config.items()}
    return {
        name: text
        for name, text in texts.items()
        if not text.startswith(("$", "@", '["$')) and '"@' not in text and len(text) <= LONGEST
    }
