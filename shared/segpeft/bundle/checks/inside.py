"""Run as a program, in a process of its own: what MONAI's tools say of a bundle, one JSON object a line.

``python inside.py FOLDER CHECK...``. Nothing here imports segpeft, and a bundle that carries its own copy has to do
without an installed one.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ckpt_export, create_workflow, load, verify_net_in_out
from torch import nn


def properties(folder: Path) -> list[str]:
    """Returns what train and inference lack of the properties that MONAI knows."""
    missing = []
    for config, kind in (("train", "train"), ("inference", "infer")):
        made = create_workflow(config_file=str(folder / "configs" / f"{config}.json"), workflow_type=kind)
        missing += [f"{config}.json: the property {name} is missing or misnamed" for name in made.check_properties()]
    return missing


def weights(folder: Path) -> list[str]:
    """Returns in what ``model.pt`` differs from the network; MONAI itself loads what fits and says nothing."""
    state = torch.load(folder / "models" / "model.pt", weights_only=True, map_location="cpu")
    wanted = _network(folder).state_dict()
    differing = [f"model.pt lacks {key}" for key in wanted if key not in state]
    differing += [f"model.pt has {key}, the network of inference.json does not" for key in state if key not in wanted]
    differing += [
        f"{key} is {tuple(state[key].shape)} in model.pt, {tuple(wanted[key].shape)} in the network"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    return differing


def loading(folder: Path) -> list[str]:
    """Returns whether ``monai.bundle.load`` gives the network with the weights of the bundle."""
    network: Any = load(folder.name, bundle_dir=str(folder.parent), source="github", workflow_type="inference")
    if not isinstance(network, nn.Module):
        return [f"monai.bundle.load gives a {type(network).__name__} instead of a network"]
    state = torch.load(folder / "models" / "model.pt", weights_only=True, map_location="cpu")
    differing = [key for key, value in network.state_dict().items() if not torch.equal(value, state[key])]
    return [f"after monai.bundle.load {key} is not that of model.pt" for key in differing]


def shapes(folder: Path) -> list[str]:
    """Returns whether the network maps what metadata.json says that it takes to what it says that comes out."""
    files: dict[str, Any] = {"meta_file": _config(folder, "metadata"), "config_file": _config(folder, "inference")}
    try:
        verify_net_in_out("network_def", **files, device="cpu", n=1, p=1, bundle_root=str(folder))
    except ValueError as error:
        return [str(error)]
    return []


def first_output(folder: Path) -> list[str]:
    """Returns whether the first of several outputs of the network is what metadata.json describes."""
    described = _described(folder)
    with torch.no_grad():
        found = tuple(_tensor(_network(folder)(_image(described))).shape)
    output = described["outputs"]["pred"]
    wanted = (1, output["num_channels"], *output["spatial_shape"])
    return [] if found == wanted else [f"the network gives {found}, metadata.json describes {wanted}"]


def script(folder: Path) -> list[str]:
    """Returns whether the network in TorchScript, as ``ckpt_export`` writes it, computes what it does in Python."""
    with tempfile.TemporaryDirectory() as place:
        exported = Path(place) / "model.ts"
        files: dict[str, Any] = {"meta_file": _config(folder, "metadata"), "config_file": _config(folder, "inference")}
        checkpoint = str(folder / "models" / "model.pt")
        ckpt_export("network_def", str(exported), checkpoint, **files, device="cpu", bundle_root=str(folder))
        scripted = torch.jit.load(str(exported)).eval()
    network, x = _network(folder), _image(_described(folder))
    network.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu"))
    with torch.no_grad():
        torch.manual_seed(0)  # masks are drawn
        expected = _tensor(network(x))
        torch.manual_seed(0)
        error = (_tensor(scripted(x)) - expected).abs().max() / expected.abs().max()
    return [f"TorchScript differs by {error:.1e} of the largest output: expected at most 1e-4"] if error > 1e-4 else []


def _described(folder: Path) -> dict[str, Any]:
    return json.loads(Path(_config(folder, "metadata")).read_text(encoding="utf-8"))["network_data_format"]


def _image(described: dict[str, Any]) -> torch.Tensor:
    image = described["inputs"]["image"]
    return torch.randn(1, image["num_channels"], *image["spatial_shape"], generator=torch.Generator().manual_seed(0))


def _config(folder: Path, name: str) -> str:
    return str(folder / "configs" / f"{name}.json")


def _network(folder: Path) -> nn.Module:
    made: Any = create_workflow(config_file=_config(folder, "inference"), workflow_type="infer")
    return made.network_def.eval()


def _tensor(output: Any) -> torch.Tensor:
    return output if isinstance(output, torch.Tensor) else output[0]


CHECKS = {check.__name__: check for check in (properties, weights, loading, shapes, first_output, script)}


def problems(check: str, folder: Path) -> list[str]:
    """Returns what a check finds; whatever stops it is a finding."""
    try:
        return CHECKS[check](folder)
    except Exception as error:
        return [f"{type(error).__name__}: {_cause(error)}"]


def main(folder: Path, checks: list[str]) -> None:
    """Prints ``{"check": name, "problems": [...]}`` of each."""
    if (folder / "scripts" / "segpeft").is_dir():
        sys.modules["segpeft"] = None  # type: ignore[assignment]  # an import of it fails
    for name in checks:
        print(json.dumps({"check": name, "problems": problems(name, folder)[:10]}), flush=True)


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:300]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
