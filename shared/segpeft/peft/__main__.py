"""`python -m segpeft.peft`: methods and their counts, and what can be done with adapter files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from segpeft.errors import InputError
from segpeft.state_files import load_state_strictly, read_checkpoint

from .checkpoint import load_adapter, read_adapter, save_adapter
from .combine import combine_loras, truncate_dylora
from .configured import configured_network, save_state
from .counts_table import counts_table
from .hf_peft import export_peft, import_peft
from .merge import merge


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser, with one subcommand a task."""
    parser = argparse.ArgumentParser(
        prog="python -m segpeft.peft", description="Methods of parameter-efficient fine-tuning and their files."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="methods x backbones, with the parameters that each trains")
    _network_arguments(listing, required=False)

    inspecting = commands.add_parser("inspect", help="what an adapter file is")
    inspecting.add_argument("file", type=Path, help="adapter file (.safetensors)")

    merging = commands.add_parser("merge", help="write the ordinary network that a trained one is equal to")
    _trained_arguments(merging)
    merging.add_argument("--out", type=Path, required=True, metavar="FILE", help="state dict to write (.pt)")

    exporting = commands.add_parser("export-peft", help="write a LoRA as Hugging Face's peft saves it")
    _trained_arguments(exporting)
    exporting.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")

    importing = commands.add_parser("import-peft", help="make an adapter file of a LoRA that peft saved")
    _network_arguments(importing, required=True)
    importing.add_argument("folder", type=Path, help="what PeftModel.save_pretrained wrote")
    importing.add_argument("--model", type=Path, required=True, metavar="FILE", help="state dict of the plain network")
    importing.add_argument("--out", type=Path, required=True, metavar="FILE", help="adapter file to write")

    combining = commands.add_parser("combine", help="weighted sum of LoRAs as one adapter file")
    combining.add_argument("files", type=Path, nargs="+", help="adapter files of one rank on one base")
    combining.add_argument("--weights", type=float, nargs="+", required=True, metavar="W", help="one a file")
    combining.add_argument("--out", type=Path, required=True, metavar="FILE", help="adapter file to write")

    cutting = commands.add_parser("truncate", help="cut a DyLoRA to a smaller rank, an ordinary LoRA")
    cutting.add_argument("file", type=Path, help="adapter file of DyLoRA")
    cutting.add_argument("--rank", type=int, required=True, metavar="R", help="from 1 to the rank trained")
    cutting.add_argument("--out", type=Path, required=True, metavar="FILE", help="adapter file to write")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if a file or network is not usable, 2 if an argument."""
    asked = build_parser().parse_args(arguments)
    try:
        {
            "list": _list,
            "inspect": _inspect,
            "merge": _merge,
            "export-peft": _export,
            "import-peft": _import,
            "combine": _combine,
            "truncate": _truncate,
        }[asked.command](asked)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _network_arguments(command: argparse.ArgumentParser, required: bool) -> None:
    command.add_argument(
        "--config",
        nargs="+",
        required=required,
        default=[],
        metavar="FILE",
        help="a bundle's config and its overlays, in order, run from inside the bundle's folder",
    )
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="value of a knob; repeatable")


def _trained_arguments(command: argparse.ArgumentParser) -> None:
    _network_arguments(command, required=True)
    command.add_argument("--model", type=Path, required=True, metavar="FILE", help="what training wrote, model.pt")
    command.add_argument("--adapter", type=Path, metavar="FILE", help="adapter file to load after it")


def _list(asked: argparse.Namespace) -> None:
    print(counts_table(configured_network(asked.config, asked.set, plain=True) if asked.config else None))


def _inspect(asked: argparse.Namespace) -> None:
    state, header = read_adapter(asked.file)
    print(f"{asked.file}: {len(state)} tensors, {sum(tensor.nbytes for tensor in state.values()):,} bytes")
    print(f"written by segpeft {header.get('segpeft_version')}, layout {header.get('layout')}")
    print(f"base {header['base_sha256']}")
    for name, value in json.loads(header["method"]).items():
        print(f"{name}: {json.dumps(value)}")
    for group, size in json.loads(header.get("bytes", "{}")).items():
        print(f"{group}: {size:,} bytes")


def _merge(asked: argparse.Namespace) -> None:
    merged = merge(_trained(asked))
    save_state(merged, asked.out)
    print(f"{asked.out}: {type(merged).__name__}, {sum(p.numel() for p in merged.parameters()):,} parameters")


def _export(asked: argparse.Namespace) -> None:
    export_peft(_trained(asked), asked.out)
    print(f"{asked.out}: written for peft")


def _import(asked: argparse.Namespace) -> None:
    network = configured_network(asked.config, asked.set, plain=True)
    load_state_strictly(network, read_checkpoint(asked.model), asked.model)
    sizes = save_adapter(import_peft(network, asked.folder), asked.out)
    print(f"{asked.out}: {sum(sizes.values()):,} bytes")


def _combine(asked: argparse.Namespace) -> None:
    made = combine_loras(asked.files, asked.weights, asked.out)
    print(f"{asked.out}: {made.name} of rank {made.rank}")


def _truncate(asked: argparse.Namespace) -> None:
    made = truncate_dylora(asked.file, asked.rank, asked.out)
    print(f"{asked.out}: {made.name} of rank {made.rank}")


def _trained(asked: argparse.Namespace) -> nn.Module:
    network = configured_network(asked.config, asked.set, plain=False)
    load_state_strictly(network, read_checkpoint(asked.model), asked.model)
    return load_adapter(network, asked.adapter) if asked.adapter else network


if __name__ == "__main__":
    sys.exit(main())
