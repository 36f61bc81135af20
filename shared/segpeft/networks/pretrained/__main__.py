"""`python -m segpeft.networks.pretrained FILE --inspect`: what a file of weights is, and what a network would take."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import nn

from segpeft.errors import InputError

from ..factories import build_slice_encoder
from ..norm_eps import set_norm_eps
from ..vit_encoder import vit_encoder
from .encoder import SWIN_PATCHES, VIT_PATCHES, Encoder
from .load import load_base
from .settings import settings_of_file, words
from .sources import encoder_in
from .weight_file import read_weights

SHOWN = 3
"""How many names of a group are printed."""


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser."""
    parser = argparse.ArgumentParser(
        prog="python -m segpeft.networks.pretrained",
        description="Says which source a file of encoder weights is from, and what a network would take of it.",
    )
    parser.add_argument("file", help="what --pretrained_encoder of a bundle would get")
    parser.add_argument("--inspect", action="store_true", help="print, write nothing; the default")
    parser.add_argument("--kind", choices=("vit", "swin"), help="backbone to try it on")
    parser.add_argument("--in_channels", type=int, default=1, metavar="C", help="of that backbone (default: 1)")
    parser.add_argument(
        "--image_size", type=int, nargs="+", default=[128, 128], metavar="N", help="2 or 3 numbers (default: 128 128)"
    )
    parser.add_argument("--encoder", default="{}", metavar="JSON", help="further settings of it, as in a bundle")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if the file is not usable, 2 after a wrong argument."""
    asked = build_parser().parse_args(arguments)
    try:
        _print_file(asked.file)
        if asked.kind:
            _print_fit(asked)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _print_file(path: str) -> None:
    """Prints source, licence and settings.

    Raises:
        InputError: if the file is not readable or of no known source.
    """
    file = read_weights(path)
    source, encoder = encoder_in(file)
    print(f"source    {source.NAME} ({file.container}, {len(file.tensors)} tensors)")
    print(f"licence   {source.LICENCE}")
    print(f"encoder   {words(settings_of_file(encoder))}")
    print(f"image     {_channels(encoder)} channel(s), token grid {encoder.grid or 'not told'}")


def _channels(encoder: Encoder) -> int | str:
    patches = encoder.tensors.get(VIT_PATCHES, encoder.tensors.get(SWIN_PATCHES))
    return "unknown" if patches is None else patches.shape[1]


def _print_fit(asked: argparse.Namespace) -> None:
    """Prints what would happen to each tensor.

    Raises:
        InputError: if the settings are wrong, or the weights do not fit them.
    """
    with torch.device("meta"):  # no memory and no random numbers: only shapes count
        network = _network(asked.kind, asked.in_channels, asked.image_size, _settings(asked.encoder))
    report = load_base(network, asked.file, allow_missing=True)
    if report is None:
        return
    for name in ("matched", "converted", "missing", "unexpected"):
        keys: list[str] | dict[str, str] = getattr(report, name)
        shown = [f"{key} ({keys[key]})" if isinstance(keys, dict) else key for key in list(keys)[:SHOWN]]
        print(f"{name:<10}{len(keys):>4}  {', '.join(shown)}{', ...' if len(keys) > SHOWN else ''}")
    for blocks in report.left_out:
        print(f"left out        {blocks}")
    if report.missing:
        raise InputError(f"{asked.file}: lacks {len(report.missing)} tensors of the backbone: loading would refuse")


def _settings(text: str) -> dict[str, Any]:
    """Returns the settings in a JSON text.

    Raises:
        InputError: if it is no JSON object.
    """
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--encoder {text}: not JSON ({error})") from error
    if not isinstance(settings, dict):
        raise InputError(f"--encoder {text}: expected a JSON object")
    return {name: value for name, value in settings.items() if name != "kind"}


def _network(kind: str, in_channels: int, image_size: Sequence[int], settings: Mapping[str, Any]) -> nn.Module:
    """Returns the backbone that the options describe: of slices for two sizes, MONAI's of volumes for three.

    Raises:
        InputError: if a setting is unknown or does not fit.
    """
    if len(image_size) not in (2, 3):
        raise InputError(f"--image_size {list(image_size)}: expected 2 or 3 numbers")
    try:
        if len(image_size) == 2:
            return build_slice_encoder(in_channels, image_size, {"kind": kind, **settings})
        if kind == "vit":
            own = {name: value for name, value in settings.items() if name != "norm_eps"}
            vit = vit_encoder(image_size, own.pop("patch_size", [16] * 3), in_channels=in_channels, **own)
            set_norm_eps(vit, settings.get("norm_eps", 1e-5))
            return vit
        swin = {"embed_dim": 48, "window_size": [7] * 3, "patch_size": [2] * 3, "depths": [2] * 4}
        with torch.device("cpu"):  # MONAI reads values while it builds, which the meta device has not
            return SwinTransformer(in_channels, **{**swin, "num_heads": [3, 6, 12, 24], **settings}).to("meta")
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"--encoder {json.dumps(dict(settings))}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
