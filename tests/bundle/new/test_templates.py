import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from segpeft.bundle.new.templates import TEMPLATES, template_root
from segpeft.errors import InputError

ROOT = Path(__file__).parents[3]
USED = [
    *(f"{name}/{file}" for name in TEMPLATES.values() for file in ("LICENSE", "large_files.yml")),
    *(f"{name}/configs/{file}" for name in TEMPLATES.values() for file in ("train.json", "logging.conf")),
    "kits_medtuning/configs/unet.json",
    "vit_mae/configs/train.json",
]


def test_the_repository_is_where_templates_are():
    assert template_root() == ROOT / "bundles"


def test_a_folder_without_them_is_named(tmp_path):
    with pytest.raises(InputError, match="name their folder by --template"):
        template_root(tmp_path)


@pytest.mark.slow
def test_a_wheel_brings_them_along(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    copy = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    (copy / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    subprocess.run([*command, str(copy)], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = [name.partition(".data/data/share/segpeft/bundles/")[2] for name in wheel.namelist()]
    assert [name for name in USED if name not in names] == []
