from pathlib import Path

from segpeft.bundle.command import bundle_command


def test_configs_by_name_and_by_path(tmp_path):
    command = bundle_command("training", ["train.json", tmp_path / "it's.json"], {"epochs": 3, "out": Path("x")})
    assert command[:5] == ["-m", "monai.bundle", "run", "training", "--config_file"]
    assert command[5] == f"""['configs/train.json',"{tmp_path}/it's.json"]"""
    assert command[6:] == ["--epochs", "3", "--out", "x"]
