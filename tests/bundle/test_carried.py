"""The copy of segpeft in packed bundles: kept apart from those of other bundles, as a server holds several."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segpeft.bundle.carried.configs import PACKAGE, ROOT, carried_config
from segpeft.bundle.carried.package import relative_imports
from tests.bundle.small_bundles import python, unpacked, without_segpeft

TWO_BUNDLES = """
import sys
from concurrent.futures import ThreadPoolExecutor
from monai.bundle import ConfigParser

def unload():  # what MONAI Label does before it touches a bundle
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        sys.modules.pop(name, None)

def parser(root):
    unload()
    made = ConfigParser()
    made.read_config(f"{root}/configs/inference.json")
    made["bundle_root"] = root
    return made

def version(made):
    unload()
    network = made.get_parsed_content("network_def", instantiate=True)
    module = made.get_parsed_content("segpeft")
    assert type(network) is module.networks.ChannelUNETR
    assert type(made.get_parsed_content("inferer")).__module__.startswith("scripts.segpeft.")
    return module.__version__

roots = sys.argv[1:]
for _ in range(3):
    print(*(version(parser(root)) for root in roots))
with ThreadPoolExecutor(4) as threads:
    print(*threads.map(lambda root: version(parser(root)), roots * 4))
first, second = (parser(root).get_parsed_content("segpeft") for root in roots)
print(first is parser(roots[0]).get_parsed_content("segpeft"), first is second)
"""


def test_two_versions_live_in_one_process(tmp_path: Path) -> None:
    first = unpacked("brats_lora", tmp_path)
    second = tmp_path / "other" / "brats_lora"
    shutil.copytree(first, second)
    code = second / "scripts" / "segpeft" / "__init__.py"
    code.write_text(code.read_text().replace('__version__ = "', '__version__ = "9.'))
    said = python(["-c", TWO_BUNDLES, str(first), str(second)], tmp_path, without_segpeft(tmp_path)).splitlines()
    *one_by_one, threads, same = [line for line in said if line[0].isdigit() or line.startswith(("True", "False"))]
    one, other = one_by_one[0].split()
    assert other == f"9.{one}"
    assert one_by_one == [f"{one} {other}"] * 3
    assert threads.split() == [one, other] * 4
    assert same == "True False"


@pytest.mark.parametrize(
    ("line", "depth", "wanted"),
    [
        ("from segpeft.errors import InputError", 2, "from ..errors import InputError"),
        ("from segpeft.errors import InputError", 1, "from .errors import InputError"),
        ("    from segpeft.data.prepared import A", 2, "    from ..data.prepared import A"),
        ("from segpeft.peft import (\n    A,\n)", 3, "from ...peft import (\n    A,\n)"),
        ("from segpeft import __version__", 2, "from .. import __version__"),
        ("from .lora import LoRA", 2, "from .lora import LoRA"),
        ("'''Run `python -m segpeft.peft list`.'''", 2, "'''Run `python -m scripts.segpeft.peft list`.'''"),
    ],
)
def test_imports_become_relative(line: str, depth: int, wanted: str) -> None:
    assert relative_imports(line, depth) == wanted


def test_a_whole_config_gets_the_package() -> None:
    config = {
        "imports": ["$import torch", "$import segpeft"],
        "bundle_root": ".",
        "regions": "$len(segpeft.data.label_scheme('segpeft.x').regions) + @segpeft_of.a",
        "network": [{"_target_": "segpeft.networks.A", "inner": {"_target_": "torch.nn.Linear"}}],
        "words": "segpeft.networks",
    }
    made = carried_config(config)
    assert list(made)[:3] == ["imports", "bundle_root", "segpeft"]
    assert made == {
        "imports": ["$import inspect", "$import runpy", "$import torch"],
        "bundle_root": ROOT,
        "segpeft": PACKAGE,
        "regions": "$len(@segpeft.data.label_scheme('segpeft.x').regions) + @segpeft_of.a",
        "network": [{"_target_": "$@segpeft.networks.A", "inner": {"_target_": "torch.nn.Linear"}}],
        "words": "segpeft.networks",
    }


@pytest.mark.parametrize("name", ["imports", "+imports"])
def test_an_overlay_refers_to_that_of_its_config(name: str) -> None:
    made = carried_config({name: ["$import segpeft"], "initialize": ["$segpeft.errors.one_line_errors()"]})
    assert made == {name: [], "initialize": ["$@segpeft.errors.one_line_errors()"]}
