"""Tensor files: the same bytes from the same content."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open

from segpeft.tensor_files import write_tensors


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1], dtype=torch.int64)}
    header = {name: f'{name}: ü "{"x" * number}"' for number, name in enumerate("qwertzuiop")}
    written = set()
    for number in range(5):
        path = tmp_path / f"{number}.safetensors"
        write_tensors(path, tensors, header)
        written.add(path.read_bytes())
    assert len(written) == 1
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == header
        assert all(torch.equal(file.get_tensor(name), value) for name, value in tensors.items())
