"""`python -m segpeft.doctor`: what is wrong before a training starts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from segpeft.bundle.json_files import write_json
from segpeft.errors import InputError
from segpeft.finding import WARNING, Severity

from .bundle_config import bundle_config
from .checkup import Asked, checkup
from .table import findings_record, findings_table


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser."""
    parser = argparse.ArgumentParser(
        prog="python -m segpeft.doctor",
        description="Check the environment, a bundle's knobs, every case of a data set, and what a step will cost.",
        epilog="Exit status: 0 no errors, 1 errors found, 2 wrong arguments.",
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="a bundle, whose configs are run as code")
    parser.add_argument("--dataset_dir", type=Path, metavar="DIR", help="a data set, or a datalist file")
    bundle = parser.add_argument_group("how the bundle is to be run")
    bundle.add_argument("--method", metavar="FILE|NAME", help="method to train with")
    bundle.add_argument("--overlay", type=Path, action="append", default=[], metavar="FILE", help="repeatable")
    bundle.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a knob; repeatable")
    data = parser.add_argument_group("what the data should be, where neither the bundle nor dataset.json says so")
    data.add_argument("--channels", nargs="+", metavar="NAME", help="in order")
    data.add_argument("--channel_files", type=_names, metavar="JSON", help='{"T2": "axial.nii.gz"}, in case folders')
    data.add_argument("--label_file", metavar="NAME", help="of the label in case folders")
    data.add_argument("--label_scheme", metavar="NAME", help="known by name, such as msd")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that read cases (0)")
    parser.add_argument("--quick", action="store_true", help="measure no training step")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there as well")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    return parser


def _names(text: str) -> Mapping[str, str]:
    names = json.loads(text)
    if not isinstance(names, dict):
        raise argparse.ArgumentTypeError(f"{text}: expected a JSON object of channel and file names")
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if there are errors, 2 if an argument is wrong."""
    asked = build_parser().parse_args(arguments)
    try:
        findings = list(checkup(_asked(asked)))
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(findings_table(findings))
    if asked.json:
        write_json(asked.json, {"findings": findings_record(findings)})
    worst = max(finding.severity for finding in findings)
    return int(worst >= (WARNING if asked.strict else Severity.ERROR))


def _asked(asked: argparse.Namespace) -> Asked:
    bundle = bundle_config(asked.bundle, asked.method, asked.overlay, asked.set) if asked.bundle else None
    if bundle is None and (asked.method or asked.overlay or asked.set):
        raise InputError("--method, --overlay and --set change a bundle: name it by --bundle")
    given = {"channels": asked.channels, "channel_files": asked.channel_files}
    given |= {"label_file": asked.label_file, "scheme": asked.label_scheme}
    return Asked(bundle, asked.dataset_dir, given, asked.workers, asked.quick)


if __name__ == "__main__":
    sys.exit(main())
