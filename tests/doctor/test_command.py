"""The command: a table, a JSON file, the exit status."""

import json

import numpy as np
import pytest

from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.doctor.__main__ import main
from tests.bundles.runs import BUNDLES
from tests.doctor.made import AFFINE, drawn, image


@pytest.fixture
def small_set(tmp_path):
    root = tmp_path / "set"
    names = [f"case_{index}.nii.gz" for index in range(3)]
    for index, name in enumerate(names):
        write_nifti(root / "imagesTr" / name, image(index)[..., 0], AFFINE)
        write_nifti(root / "labelsTr" / name, drawn(index), AFFINE)
    training = [{"image": f"imagesTr/{name}", "label": f"labelsTr/{name}"} for name in names]
    content = {"modality": {"0": "T2"}, "labels": {"0": "background", "1": "ball"}, "training": training}
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def test_a_clean_set(small_set, tmp_path, capsys):
    assert main(["--dataset_dir", str(small_set), "--json", str(tmp_path / "out.json")]) == 0
    assert "errors: 0, warnings: 0" in capsys.readouterr().out
    said = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert {finding["severity"] for finding in said} == {"note"}


@pytest.mark.parametrize("workers", ["0", "2"], ids=["here", "processes"])
def test_a_broken_case_does_not_hide_another(small_set, capsys, workers):
    (small_set / "imagesTr" / "case_0.nii.gz").write_bytes(b"nothing")
    label = drawn(2)
    label[3, 3, 3] = 7
    write_nifti(small_set / "labelsTr" / "case_2.nii.gz", label, AFFINE)
    assert main(["--dataset_dir", str(small_set), "--workers", workers]) == 1
    said = capsys.readouterr().out
    assert "| error | files | case_0 |" in said
    assert "holds the value 7" in said
    assert "errors: 2" in said


def test_warnings_count_if_asked_for(small_set):
    write_nifti(small_set / "labelsTr" / "case_1.nii.gz", np.zeros_like(drawn(1)), AFFINE)
    assert main(["--dataset_dir", str(small_set)]) == 0
    assert main(["--dataset_dir", str(small_set), "--strict"]) == 1


def test_a_folder_without_cases_is_an_error(tmp_path, capsys):
    assert main(["--dataset_dir", str(tmp_path)]) == 1
    assert "no cases found" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--bundle", "nowhere"], ["--set", "epochs=3"], ["--label_scheme", "mds", "--dataset_dir", "."]],
    ids=["no-bundle", "knob-without-bundle", "no-scheme"],
)
def test_wrong_arguments(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_bundle_with_its_step_and_a_set(small_set, capsys):
    bundle = BUNDLES / "brats_lora"
    scheme = {"name": "ball", "regions": {"ball": [1]}}
    knobs = {"channels": ["T2"], "label_scheme": scheme, "fold": 0, "folds": 3}
    settings = [part for name, value in knobs.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    overlay = ["--overlay", str(bundle / "configs" / "demo.json")]
    asked = ["--bundle", str(bundle), *overlay, *settings, "--dataset_dir", str(small_set), "--quick"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "3 training cases of T2" in said
    assert "| note | step |" in said
    assert main([*asked, "--set", "imagesize=3"]) == 1
