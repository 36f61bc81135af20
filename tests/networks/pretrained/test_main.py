"""The command that looks into a weight file."""

import json

import pytest
import torch

from segpeft.networks.pretrained.__main__ import main
from tests.networks.pretrained import layouts


def inspect(capsys, path, *options):
    status = main([str(path), "--inspect", *options])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def encoder(**changes):
    return "--encoder", json.dumps({**layouts.VIT, **changes})


def test_what_a_file_is(tmp_path, capsys):
    path = layouts.write(tmp_path / "mae.pth", layouts.mae(), "model")
    status, out, _ = inspect(capsys, path)
    assert status == 0
    assert "mae (torch ['model'], " in out
    assert "CC-BY-NC" in out
    assert "hidden_size 48, patch_size [4, 4], qkv_bias true, num_layers 4" in out
    assert "norm_eps 1e-06" in out
    assert "3 channel(s), token grid [4, 4]" in out


@pytest.mark.parametrize(
    ("size", "changes", "channels", "expected"),
    [
        (("24", "16"), {}, "1", ["matched     51", "converted    2", "patch_embeddings.weight (3 channel(s) to 1)"]),
        (("16", "16", "8"), {"patch_size": [4, 4, 4], "qkv_bias": True, "norm_eps": 1e-6}, "1", ["inflated"]),
    ],
    ids=["slices", "volumes"],
)
def test_what_a_vit_would_take(tmp_path, capsys, size, changes, channels, expected):
    path = layouts.write(tmp_path / "vit.pth", layouts.timm_vit())
    options = ("--kind", "vit", "--image_size", *size, "--in_channels", channels, *encoder(**changes))
    status, out, _ = inspect(capsys, path, *options)
    assert status == 0
    assert "missing      0" in out
    assert "unexpected   3  cls_token, head.weight, head.bias" in out
    assert all(words in out for words in expected)


def test_what_a_swin_would_take(tmp_path, capsys):
    path = layouts.write(tmp_path / "swin.pth", layouts.swin(), "model")
    status, out, _ = inspect(capsys, path, "--kind", "swin", "--encoder", json.dumps(layouts.SWIN))
    assert status == 0
    assert "resized from window [3, 3] to [2, 2]" in out
    assert "blocks [2, 3, 4, 5] of layers3" in out


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        ({}, encoder(patch_size=8), "patch_size [4, 4]; the encoder needs patch_size [8, 8]"),
        ({}, ("--encoder", "[1]"), "expected a JSON object"),
        ({}, ("--encoder", "{"), "not JSON"),
        ({}, encoder(colour=1), "no setting 'colour'"),
        ({}, ("--image_size", "16", "16", "16", *encoder(colour=1)), "colour"),
        ({}, ("--image_size", "16"), "expected 2 or 3 numbers"),
        ({"norm.weight": None}, encoder(), "lacks 1 tensors"),
        ({"patch_embed.proj.weight": None}, encoder(), "no known source"),
    ],
    ids=["patch", "list", "text", "setting", "setting in 3D", "sizes", "missing", "unknown"],
)
def test_refusals_are_one_line(tmp_path, capsys, change, options, expected):
    state = {key: value for key, value in layouts.timm_vit().items() if key not in change}
    path = layouts.write(tmp_path / "vit.pth", state)
    status, _, err = inspect(capsys, path, "--kind", "vit", "--image_size", "16", "16", *options)
    assert status == 1
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_damaged_file(tmp_path, capsys):
    path = tmp_path / "vit.npz"
    path.write_bytes(b"PK\x03\x04 not an archive")
    status, _, err = inspect(capsys, path)
    assert status == 1
    assert f"{path}: not a readable weight file" in err
    torch.save({"model": [1]}, tmp_path / "list.pth")
    assert inspect(capsys, tmp_path / "list.pth")[0] == 1
