"""Bundles in two processes, joined by gloo, as `torchrun` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bundles.runs import arguments, plain, start

LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def ended_in_two_processes(bundle: str, run_id: str, configs: list[str], knobs: Mapping[str, Any], log: Path) -> int:
    """Runs a command and returns its exit status; its output goes to `<log>.out` and `<log>.err`."""
    process = start(bundle, [*LAUNCHER, *arguments(run_id, configs, plain({**knobs, "device": "cpu"}))], log)
    try:
        return process.wait(timeout=240)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGTERM)  # torchrun ends its workers
        process.wait()
        raise


def in_two_processes(bundle: str, run_id: str, configs: list[str], knobs: Mapping[str, Any], log: Path) -> None:
    """Runs a command that ends well."""
    code = ended_in_two_processes(bundle, run_id, configs, knobs, log)
    assert code == 0, log.with_suffix(".err").read_text()[-3000:]
