"""Repeating a run from the record that it left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.engines.asked_names import REPEATS
from segpeft.engines.run_record import FORMAT
from segpeft.errors import InputError
from segpeft.revision import revision_of
from segpeft.settings import settings_of
from segpeft.versions import versions

from .baking import bake
from .command import bundle_command
from .json_files import json_object, write_json

RECORD = "record.json"
TRAININGS = ("training", "pretraining")


@dataclass(frozen=True)
class Repetition:
    """How to repeat a run.

    Attributes:
        command: arguments after ``python``.
        directory: where it runs: relative paths among the settings begin there.
        bundle: its folder, whose Python code the run can import.
        differences: what is not as it was, one thing an entry.
    """

    command: Sequence[str]
    directory: Path
    bundle: Path
    differences: Sequence[str]

    def run(self) -> int:
        """Runs the command and returns its exit status."""
        paths = [str(self.bundle), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run(
            [sys.executable, *self.command], cwd=self.directory, env=environment, check=False
        ).returncode


def repetition(run_dir: Path, output_dir: Path | None = None, changes: Sequence[str] = ()) -> Repetition:
    """Prepares the repetition of a run: its config goes to ``<output_dir>/repeat.json``.

    The config is that of the run, except that all files go to ``output_dir``: of a training also the model and its
    adapter, in ``models/``. A resumed training is repeated from its first epoch. Whether the data are the same is
    checked when the run starts, since only then it is known which they are.

    Args:
        run_dir: with a ``record.json``.
        output_dir: a new folder; default ``<run_dir>_repeated``.
        changes: further settings that shall differ, ``NAME=VALUE``: where the data lie now, for example.

    Raises:
        InputError: no record, one that can't be repeated, or a folder that holds another run already.
    """
    path = run_dir.resolve() / RECORD
    record = _repeatable(path)
    out = (output_dir or run_dir.resolve().with_name(f"{run_dir.resolve().name}_repeated")).resolve()
    if (out / RECORD).exists():
        raise InputError(f"{out}: holds a run already, name another folder by --output_dir")
    config = bake(record["config"], {**_places(record, out), **settings_of(changes)}, all_of_them=False)
    write_json(out / "repeat.json", {**config, REPEATS: str(path)})
    directory = Path(record["directory"])
    bundle = (directory / str(config.get("bundle_root", "."))).resolve()
    command = bundle_command(record["run_id"], [out / "repeat.json"], _beside(bundle))
    if record["processes"] > 1:
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={record['processes']}", *command]
    return Repetition(command, directory, bundle, list(differences(record)))


def differences(record: Mapping[str, Any]) -> list[str]:
    """Returns how versions and git revision differ from those of a record, one difference an entry."""
    here, carried = versions(), "segpeft" in record["config"]  # a packed bundle brings its own
    found = [
        f"{name} is {here.get(name)}, was {version}"
        for name, version in record["versions"].items()
        if here.get(name) != version and not (carried and name == "segpeft")
    ]
    known, now = record["git"], None if carried else revision_of([Path(__file__)])
    if known and now and known["revision"] != now["revision"]:
        found.append(f"the revision is {now['revision'][:10]}, was {known['revision'][:10]}")
    for state, when in ((known, "were"), (now, "are")):
        if state and state["dirty"]:
            found.append(f"there {when} changes that are in no revision")
    return found


def _repeatable(path: Path) -> dict[str, Any]:
    record = json_object(path)
    if record.get("format") != FORMAT:
        raise InputError(f"{path}: is in format {record.get('format')}, expected {FORMAT}")
    if record["config"] is None:
        raise InputError(f"{path}: the run came from no config, so there is nothing to give to MONAI's runner")
    if record["lost"]:
        raise InputError(f"{path}: the config held objects that no file can hold ({', '.join(record['lost'])})")
    if "output_dir" not in record["config"]:
        raise InputError(f"{path}: the config has no output_dir, so the repetition would overwrite the run")
    if not Path(record["directory"]).is_dir():
        raise InputError(f"{record['directory']}: is gone; the run was started there, relative paths begin there")
    return record


def _places(record: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Returns the settings that keep a repetition from overwriting the run."""
    places: dict[str, Any] = {"output_dir": str(out), "resume": False}
    if record["kind"] not in TRAININGS:
        return places
    places["model_dir"] = str(out / "models")
    adapter = record["config"].get("adapter_path")
    if isinstance(adapter, str) and not adapter.startswith("$"):
        places["adapter_path"] = str(out / "models" / "adapters" / Path(adapter).name)
    return places


def _beside(bundle: Path) -> dict[str, str]:
    """Returns what MONAI's runner looks for beside a config file, as far as the bundle has it."""
    files = {"meta_file": "metadata.json", "logging_file": "logging.conf"}
    paths = {option: bundle / "configs" / name for option, name in files.items()}
    return {option: str(path) for option, path in paths.items() if path.is_file()}
