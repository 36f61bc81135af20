"""Runs the demonstration: ``python -m segpeft.demo`` (or ``make demo``)."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from segpeft.bundle.steps import run_step
from segpeft.errors import InputError, one_line_errors

from .picture import save_picture
from .plan import plan
from .table import results, table


def main() -> None:
    """Runs every step that is not done yet and shows the results."""
    one_line_errors()
    parser = argparse.ArgumentParser(prog="python -m segpeft.demo", description=__doc__)
    parser.add_argument("--bundles", type=Path, default=Path("bundles"), help="the folder of the bundles")
    parser.add_argument("--out", type=Path, default=Path("demo_out"), help="where data and results go")
    arguments = parser.parse_args()
    if not (arguments.bundles / "brats_lora" / "configs" / "demo.json").is_file():
        raise InputError(
            f"{arguments.bundles}: holds no brats_lora/configs/demo.json; run from the repository or name --bundles"
        )
    out = arguments.out.resolve()
    start = time.monotonic()
    steps = plan(arguments.bundles.resolve(), out)
    seconds = {step.name: run_step(step, out) for step in steps}
    print(f"\n{table(results(out, seconds))}")
    picture = save_picture(out)
    print(f"\nlabel maps: {os.path.relpath(out / 'inference')}")
    print(f"picture:    {os.path.relpath(picture)}")
    print(f"all of it:  {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
