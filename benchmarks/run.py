"""``python -m benchmarks.run``: measures, prints, and writes what the documentation quotes.

Uses one thread by default, so that the numbers hold while something else uses the other cores.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.decoder import decoder
from benchmarks.encoder import encoder
from benchmarks.machine import describe_machine, give_memory_back, keep_freed_memory, peak_gigabytes
from benchmarks.parity import parity
from benchmarks.reading import reading
from benchmarks.report import markdown, verdicts
from benchmarks.targets import Section

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Suite:
    """What one command measures.

    Args:
        command: that a reader types.
        results: JSON file that it writes by default.
        parts: name -> the measurement.
    """

    command: str
    results: Path
    parts: dict[str, Callable[[], Section]]


CHANNEL_LORA = Suite(
    "make bench",
    RESULTS / "channel_lora_step.json",
    {"parity": parity, "encoder": encoder, "decoder": decoder, "input": reading},
)


def main(arguments: Sequence[str] | None = None, suite: Suite = CHANNEL_LORA) -> int:
    """Runs the parts asked for; the files are written after each, and parts not run keep their last numbers.

    Args:
        arguments: the command line without the program's name; None reads ``sys.argv``.
        suite: what there is to run.

    Returns:
        0 if every target of the parts run is met, else 1.
    """
    parser = argparse.ArgumentParser(description="Measure speed and memory.")
    names = list(suite.parts)
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="parts to run (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=suite.results, help="JSON file; a table in Markdown goes next to it"
    )
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    kept = keep_freed_memory()
    met = True
    for name in asked.only:
        give_memory_back()
        start = time.perf_counter()
        section = suite.parts[name]()
        result = section.describe() | {"machine": describe_machine() | {"keeps_freed_memory": kept}}
        result |= {"minutes": (time.perf_counter() - start) / 60, "peak_gb": peak_gigabytes()}
        print(f"\n{verdicts(result)}", flush=True)
        _merge(asked.out, name, result, suite)
        met &= all(target.met for target in section.targets)
    print(f"\nwritten: {asked.out} and {asked.out.with_suffix('.md')}")
    return 0 if met else 1


def _merge(path: Path, name: str, result: dict, suite: Suite) -> None:
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[name] = result
    ordered = {part: results[part] for part in suite.parts if part in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(ordered, suite.command), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
