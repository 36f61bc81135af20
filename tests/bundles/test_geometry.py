"""Inference gives every case back on its own grid, however it lies in its file."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from tests.bundles.runs import INFERRING, run, weights, workflow

ORIENTATIONS = ["RAS", "LPS", "LAS", "RPS", "IPL", "ASL"]
BRATS_2018 = ("_flair", "_t1", "_t1ce", "_t2")
BRATS_2023 = ("-t2f", "-t1n", "-t1c", "-t2w")


def reoriented(image: nibabel.Nifti1Image, axes: str) -> nibabel.Nifti1Image:
    """The same anatomy with its voxels in another order."""
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(axes))
    voxels = nibabel.orientations.apply_orientation(np.asarray(image.dataobj), change)
    return nibabel.Nifti1Image(voxels, image.affine @ inv_ornt_aff(change, image.shape[:3]))


def tilted(image: nibabel.Nifti1Image, degrees: float) -> nibabel.Nifti1Image:
    """The same voxels, as of a head that lay obliquely in the scanner."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    about_x = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    about_z = np.array([[cos, -sin, 0, 12.5], [sin, cos, 0, -7.25], [0, 0, 1, 3], [0, 0, 0, 1]])
    return nibabel.Nifti1Image(np.asarray(image.dataobj), about_x @ about_z @ image.affine)


def upright(path) -> np.ndarray:
    return np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)


def dice(ours: np.ndarray, theirs: np.ndarray) -> float:
    return 2 * np.sum((ours > 0) & (theirs > 0)) / max(np.sum(ours > 0) + np.sum(theirs > 0), 1)


@pytest.fixture(scope="module")
def source(phantoms) -> nibabel.Nifti1Image:
    return nibabel.load(phantoms / "imagesTr" / "BRATS_001.nii.gz")


@pytest.fixture(scope="module")
def model(phantoms, trained, tmp_path_factory):
    """The trained network with a bias that marks 30, 20 and 10 % of the volume: nothing here may be empty."""
    parser = workflow("brats_lora", "inference", dataset_dir=phantoms, **INFERRING).parser
    network, state = parser.get_parsed_content("network_def").eval(), weights(trained / "models" / "model.pt")
    network.load_state_dict(state)
    image = parser.get_parsed_content("dataset")[0]["image"].as_tensor()[None]
    with torch.no_grad():
        logits = parser.get_parsed_content("inferer")(image, network)[0].flatten(1)
    shifts = [row.quantile(1 - share) for row, share in zip(logits, (0.3, 0.2, 0.1), strict=True)]
    state["decoder.out.conv.conv.bias"] -= torch.stack(shifts)
    path = tmp_path_factory.mktemp("model") / "model.pt"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def inferred(source, model, tmp_path_factory):
    """A folder of inputs in every orientation, and one of their label maps and probabilities."""
    inputs, results = tmp_path_factory.mktemp("inputs"), tmp_path_factory.mktemp("results")
    for axes in ORIENTATIONS:
        nibabel.save(reoriented(source, axes), inputs / f"{axes}.nii.gz")
    nibabel.save(tilted(source, 20), inputs / "oblique.nii.gz")
    nibabel.save(tilted(reoriented(source, "LPS"), -25), inputs / "obliqueLPS.nii.gz")
    knobs = {"dataset_dir": inputs, "output_dir": results, "ckpt_path": model, "save_probabilities": True}
    run("brats_lora", "inference", **knobs, **INFERRING)
    return inputs, results


@pytest.mark.parametrize("name", [*ORIENTATIONS, "oblique", "obliqueLPS"])
def test_result_lies_on_the_grid_of_its_input(name, inferred):
    given, found = nibabel.load(inferred[0] / f"{name}.nii.gz"), nibabel.load(inferred[1] / f"{name}_seg.nii.gz")
    assert found.shape == given.shape[:3]
    np.testing.assert_allclose(found.affine, given.affine, atol=1e-4)
    assert nibabel.aff2axcodes(found.affine) == nibabel.aff2axcodes(given.affine)
    assert found.get_data_dtype() == np.uint8
    assert set(np.unique(np.asarray(found.dataobj))) <= {0, 1, 2, 3}


@pytest.mark.parametrize("name", [*ORIENTATIONS[1:], "oblique", "obliqueLPS"])
def test_result_marks_the_same_anatomy(name, inferred):
    _, results = inferred
    reference, found = upright(results / "RAS_seg.nii.gz"), upright(results / f"{name}_seg.nii.gz")
    assert 0.02 < np.mean(reference > 0) < 0.5
    assert dice(found, reference) > 0.99
    assert np.mean(found != reference) < 0.001
    assert dice(np.flip(found, 0), reference) < 0.95  # a flip would have been seen
    assert dice(np.flip(found, 1), reference) < 0.95


def test_a_marked_voxel_lies_in_the_brain(inferred, source):
    brain = np.asarray(source.dataobj).any(-1)
    marked = np.asarray(nibabel.load(inferred[1] / "RAS_seg.nii.gz").dataobj) > 0
    box = np.ix_(*(np.flatnonzero(brain.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)))
    inside = np.zeros_like(brain)
    inside[box] = True
    assert not marked[~inside].any()


@pytest.mark.parametrize("name", ["RAS", "IPL"])
def test_probabilities_belong_to_the_label_map(name, inferred):
    _, results = inferred
    given, labels = nibabel.load(inferred[0] / f"{name}.nii.gz"), nibabel.load(results / f"{name}_seg.nii.gz")
    saved = nibabel.load(results / f"{name}_probabilities.nii.gz")
    probability, label = np.asarray(saved.dataobj), np.asarray(labels.dataobj)
    assert saved.get_data_dtype() == np.float32
    assert probability.shape == (*given.shape[:3], 3)
    np.testing.assert_allclose(saved.affine, given.affine, atol=1e-4)
    assert 0 <= probability.min() < 0.5 < probability.max() <= 1
    np.testing.assert_array_equal(label == 3, probability[..., 2] > 0.5)
    np.testing.assert_array_equal(label > 0, (probability > 0.5).any(-1))


def test_probabilities_are_a_switch(source, model, tmp_path):
    nibabel.save(source, tmp_path / "case.nii.gz")
    run("brats_lora", "inference", dataset_dir=tmp_path, output_dir=tmp_path / "out", ckpt_path=model, **INFERRING)
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["case_seg.nii.gz"]


def test_flips_at_test_time_are_a_switch(inferred, model, source, tmp_path):
    """Averaged over all flips, the result cannot depend on the side from which the volume is looked at."""
    from monai.inferers import Inferer

    parser = workflow("brats_lora", "inference", tta=True, dataset_dir=inferred[0], **INFERRING).parser
    network, inferer = parser.get_parsed_content("network_def").eval(), parser.get_parsed_content("inferer")
    network.load_state_dict(weights(model))
    assert isinstance(inferer, Inferer)
    image = torch.randn(1, 4, *INFERRING["image_size"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        once, flipped = inferer(image, network), inferer(image.flip(2), network).flip(2)
        single = network(image)
    torch.testing.assert_close(once, flipped, rtol=1e-4, atol=1e-4)
    assert (single - once).abs().max() > 0.01


@pytest.mark.parametrize("endings", [BRATS_2018, BRATS_2023], ids=["BraTS 2018", "BraTS 2023"])
def test_four_files_give_what_one_file_gives(endings, source, inferred, model, tmp_path):
    voxels = np.asarray(source.dataobj)
    case = tmp_path / "data" / "Case_7"
    case.mkdir(parents=True)
    for channel, ending in enumerate(endings):
        nibabel.save(nibabel.Nifti1Image(voxels[..., channel], source.affine), case / f"Case_7{ending}.nii.gz")
    knobs = {"dataset_dir": tmp_path / "data", "output_dir": tmp_path / "out", "ckpt_path": model}
    run("brats_lora", "inference", **knobs, **INFERRING)
    found = nibabel.load(tmp_path / "out" / "Case_7_seg.nii.gz")
    np.testing.assert_array_equal(np.asarray(found.dataobj), upright(inferred[1] / "RAS_seg.nii.gz"))
    np.testing.assert_allclose(found.affine, source.affine)


def test_label_values_follow_the_scheme_of_the_data(source, inferred, model, tmp_path):
    """BraTS writes 4 where MSD writes 3."""
    nibabel.save(source, tmp_path / "case.nii.gz")
    knobs = {**INFERRING, "dataset_dir": tmp_path, "output_dir": tmp_path / "out", "ckpt_path": model}
    run("brats_lora", "inference", label_scheme="brats", **knobs)
    found = np.asarray(nibabel.load(tmp_path / "out" / "case_seg.nii.gz").dataobj)
    assert set(np.unique(found)) <= {0, 1, 2, 4}
    np.testing.assert_array_equal(found == 4, upright(inferred[1] / "RAS_seg.nii.gz") == 3)


def test_a_datalist_file_names_the_cases(phantoms, model, tmp_path):
    content = {"testing": [{"case": "one", "image": str(phantoms / "imagesTr" / "BRATS_002.nii.gz")}]}
    (tmp_path / "list.json").write_text(json.dumps(content))
    knobs = {**INFERRING, "dataset_dir": tmp_path / "list.json", "output_dir": tmp_path / "out", "ckpt_path": model}
    run("brats_lora", "inference", **knobs)
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["one_seg.nii.gz"]
