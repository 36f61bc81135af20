"""A federation in one process: every site trains in turn, and only bytes of updates pass between them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from segpeft.errors import InputError, find_input_error, reason_of

from .adapter_algo import ROUND, AdapterAlgo
from .averaging import average
from .exchange import from_exchange, to_exchange
from .update import SERVER, Update

logger = logging.getLogger(__name__)


class Simulation:
    """Trains at several sites in rounds and averages their trainable states.

    Server and sites exchange safetensors as bytes (:meth:`Update.to_bytes`), so what is counted is what would be sent.
    A site that does not answer, fails or sends what does not fit is named, and the round goes on without it.

    Args:
        sites: initialized algorithms by name; the first one's state is what the first round begins with.
        min_sites: a round needs so many usable updates.
        absent: by site the first and the last round, from 1, in which it does not answer.
        evaluates: let every site that answered judge the average on its validation cases.
    """

    def __init__(
        self,
        sites: Mapping[str, AdapterAlgo],
        min_sites: int = 1,
        absent: Mapping[str, tuple[int, int | None]] | None = None,
        evaluates: bool = False,
    ) -> None:
        if not 1 <= min_sites <= len(sites):
            raise InputError(f"min_sites {min_sites} is out of range: expected 1 to {len(sites)}, the number of sites")
        self.sites, self.min_sites, self.absent, self.evaluates = sites, min_sites, absent or {}, evaluates
        first = next(iter(sites.values())).update()
        self.state = Update(first.state, first.header)

    def run_round(self, number: int) -> dict[str, Any]:
        """Runs one round and returns its record.

        Args:
            number: of the round, from 0.

        Raises:
            InputError: fewer than ``min_sites`` updates are usable.
        """
        start, sent = time.monotonic(), self.state.to_bytes()
        away = [name for name in self.sites if self._is_absent(name, number)]
        answers, failed = self._answers(sent, number, away)
        received = [Update.from_bytes(content, name) for name, content in answers.items()]
        try:
            self.state, refused = average(received, self.state, self.min_sites)
        except InputError as error:
            raise InputError(f"round {number + 1}: {error}{_listed(failed)}") from error
        used = [update for update in received if update.site not in refused]
        metrics = self._metrics([update.site for update in used]) if self.evaluates else {}
        return {
            "round": number + 1,
            "cases": {update.site: update.cases for update in used},
            "absent": away,
            "failed": failed,
            "refused": refused,
            "bytes_to_a_site": len(sent),
            "bytes_from_a_site": max(map(len, answers.values())),
            "metrics": metrics,
            "seconds": round(time.monotonic() - start, 2),
        }

    def _is_absent(self, name: str, number: int) -> bool:
        first, last = self.absent.get(name, (None, None))
        return first is not None and first <= number + 1 and (last is None or number + 1 <= last)

    def _answers(self, sent: bytes, number: int, away: list[str]) -> tuple[dict[str, bytes], dict[str, str]]:
        answers: dict[str, bytes] = {}
        failed: dict[str, str] = {}
        for name, algo in self.sites.items():
            if name in away:
                continue
            try:
                algo.train(to_exchange(Update.from_bytes(sent, SERVER)), {ROUND: number})
                answers[name] = from_exchange(algo.get_weights(), name).to_bytes()
            except Exception as error:  # whatever happens at a site shall not end the federation
                logger.warning("round %d: %s failed", number + 1, name, exc_info=find_input_error(error) is None)
                failed[name] = reason_of(find_input_error(error) or error)
        return answers, failed

    def _metrics(self, names: list[str]) -> dict[str, dict[str, float]]:
        data = to_exchange(self.state)
        return {name: dict(self.sites[name].evaluate(data).metrics) for name in names}


def _listed(failed: Mapping[str, str]) -> str:
    return "".join(f"; {name}: {reason}" for name, reason in failed.items())
