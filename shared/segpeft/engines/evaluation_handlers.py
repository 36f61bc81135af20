"""Everything that happens around an evaluation, as one handler."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ignite.engine import Engine
from torch import nn

from .base_holding import BaseHolder
from .case_table import CaseTable
from .checkpoint_loading import ModelLoader
from .report import RunSummary
from .run_record import RunRecord


class EvaluationHandlers:
    """Attaches what an evaluation needs: loading the network, the record of it, the table of its cases, the summary.

    Args:
        network: to evaluate.
        ckpt_path: its weights, see :class:`~segpeft.engines.checkpoint_loading.ModelLoader`.
        output_dir: for ``record.json``, ``cases.csv``, ``cases_summary.json`` and ``run.json``.
        adapters: of an ensemble, one file a member.
        hold_base: form in which the frozen base is held, see :class:`~segpeft.engines.base_holding.BaseHolder`.
    """

    def __init__(
        self,
        network: nn.Module,
        ckpt_path: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        adapters: Sequence[str | os.PathLike[str]] = (),
        hold_base: str | None = None,
    ) -> None:
        self.parts: list[Any] = [
            ModelLoader(network, ckpt_path, adapters),
            BaseHolder(network, hold_base),
            RunRecord(output_dir, "evaluation", weights=[ckpt_path, *adapters]),
            CaseTable(output_dir),
            RunSummary(output_dir, network),
        ]

    def attach(self, engine: Engine) -> None:
        """Attaches all parts to an evaluator."""
        for part in self.parts:
            part.attach(engine)
