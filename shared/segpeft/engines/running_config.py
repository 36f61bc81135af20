"""The config that an object is being built from."""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from monai.bundle import ConfigParser, ConfigWorkflow

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class RunningConfig:
    """A config as MONAI's runner holds it when it builds something: files merged, overrides and macros in place.

    Attributes:
        content: as plain values, references and expressions as they are written, without the metadata; None where
            nothing builds from a config.
        lost: kinds of the objects in it that are no plain values (a program may put any in); text stands for them.
        metadata: of the bundle.
        run_id: the expression that the runner was asked for.
        workflow_ids: expressions that a workflow runs, its ``run_id`` among them; empty where there is no workflow.
    """

    content: dict[str, Any] | None = None
    lost: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    run_id: str = "run"
    workflow_ids: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Folder of the bundle."""
        return Path((self.content or {}).get("bundle_root") or ".").resolve()


def running_config() -> RunningConfig:
    """Returns the config that the caller is being built from.

    It is looked for where only it can be found: among the callers, of which one is the parser. So it is there under
    ``monai.bundle run``, ``create_workflow``, a server, or a parser used by hand, from whatever files. A
    ``bundle_root`` that is an expression, as in a packed bundle, is replaced by its value: it may depend on the place
    of the config file.
    """
    parser, workflow = _caller(ConfigParser), _caller(ConfigWorkflow)
    if parser is None or not isinstance(parser.config, dict):
        return RunningConfig()
    whole = dict(parser.config)
    metadata = whole.pop(ConfigParser.meta_key, None)
    if str(whole.get("bundle_root", "")).startswith("$"):
        whole["bundle_root"] = os.path.abspath(parser.get_parsed_content("bundle_root"))
    lost: list[str] = []
    content = json.loads(json.dumps(whole, default=lambda value: _plain(value, lost)))
    ids = () if workflow is None else (workflow.run_id, workflow.init_id, workflow.final_id)
    return RunningConfig(content, lost, metadata or {}, (ids or ("run",))[0] or "run", tuple(filter(None, ids)))


def _caller(kind: type[Kind]) -> Kind | None:
    """Returns the nearest object of a class one of whose methods is being called."""
    frame = inspect.currentframe()
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, kind):
            return found
        frame = frame.f_back
    return None


def _plain(value: Any, lost: list[str]) -> str:
    if not isinstance(value, (os.PathLike, torch.device)):
        lost.append(type(value).__name__)
    return str(value)
