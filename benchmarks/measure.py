"""How everything here is measured: interleaved rounds, exact bytes of saved tensors, exact numbers of operations."""

import time
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from segpeft.engines.saved_tensors import SavedTensors


def saved_bytes(run: Callable[[], Any], parameters: Iterable[nn.Parameter]) -> int:
    """Returns the bytes that autograd keeps for the backward pass of what ``run`` computes.

    What ``run`` returns is dropped only afterwards, see :class:`segpeft.engines.saved_tensors.SavedTensors`.

    Args:
        run: a forward pass; its result holds on to the graph.
        parameters: the network's, trainable and frozen.
    """
    with SavedTensors(parameters) as saved:
        result = run()
    del result
    return saved.bytes


class CountOps(TorchDispatchMode):
    """Counts the ATen operations that reach the backend while it is active; views count, too."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D105
        """Counts and calls."""
        self.count += 1
        return func(*args, **(kwargs or {}))


def count_ops(run: Callable[[], Any]) -> int:
    """Returns how many ATen operations ``run`` dispatches, backward passes included."""
    with CountOps() as counter:
        run()
    return counter.count


def interleaved_seconds(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Times every run once a round, every other round backwards: what disturbs the machine disturbs all.

    Seconds are those that this process spent computing: with one thread they are wall time on an idle machine,
    and they stay so on a busy one. A first round warms up and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in list(runs.items())[:: 1 if turn % 2 else -1]:
            start = time.process_time()
            run()
            if turn:
                seconds[name].append(time.process_time() - start)
    return seconds


def median_ratio(seconds: dict[str, list[float]], ours: str, theirs: str) -> float:
    """Returns the median over rounds of ``ours`` divided by ``theirs`` of the same round."""
    return median(a / b for a, b in zip(seconds[ours], seconds[theirs], strict=True))
