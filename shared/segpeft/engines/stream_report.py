"""What a streaming loader has skipped, for a person to read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ignite.engine import Engine, Events

from segpeft.atomic_files import replacing
from segpeft.data.skipped import SkippedFiles

from .distributed import gather_items, is_main, rank
from .ordering import attach_last

logger = logging.getLogger(__name__)


class StreamReport:
    """Lists the files that a stream could not use in ``skipped.txt``, and sums up over all processes at the end.

    The list is written after an epoch that found new ones, by the main process into ``skipped.txt`` and by the others
    into ``skipped_rank<n>.txt``; it is that of this run.

    Args:
        output_dir: where to write.
    """

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        self.output_dir = Path(output_dir)
        self.written = 0

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer whose loader keeps a :class:`segpeft.data.skipped.SkippedFiles`."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.write)
        attach_last(engine, Events.COMPLETED, self.sum_up)

    @property
    def path(self) -> Path:
        """The list of this process."""
        return self.output_dir / ("skipped.txt" if is_main() else f"skipped_rank{rank()}.txt")

    def write(self, engine: Engine) -> None:
        """Writes the list where it has grown."""
        skipped = _skipped(engine)
        if skipped.count > self.written:
            with replacing(self.path) as partial:
                partial.write_text(skipped.text(), encoding="utf-8")
            self.written = skipped.count
            logger.warning("%d of %d files skipped so far, listed in %s", skipped.count, skipped.files, self.path)

    def sum_up(self, engine: Engine) -> None:
        """Logs one line, on the main process."""
        skipped = _skipped(engine)
        counts = gather_items([(skipped.files, skipped.count)])
        files, left_out = (sum(column) for column in zip(*counts, strict=True))
        if is_main():
            where = f", listed in {self.output_dir}/skipped*.txt" if left_out else ""
            logger.info("%d files read, %d of them skipped%s", files, left_out, where)


def _skipped(engine: Engine) -> SkippedFiles:
    return engine.state.dataloader.skipped  # type: ignore[union-attr]
