import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import SaveImaged

from segpeft.data import CaseDataset, preprocessing
from segpeft.engines import Evaluator, SaveVolumed, postprocessing, sliding_window
from segpeft.engines.outputs import AtomicNibabelWriter

SHAPE = (18, 21, 15)
TURN = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])
AFFINES = {
    "RAS": np.diag([1.0, 1.2, 2.0, 1]),
    "LPS": np.diag([-1.0, -1.2, 2.0, 1]),
    "LAS": np.diag([-1.0, 1.2, 2.0, 1]),
    "PIR": np.array([[0, 0, 2.0, 5], [-1.0, 0, 0, 7], [0, -1.2, 0, 9], [0, 0, 0, 1]]),
    "oblique": np.block([[TURN @ np.diag([-1.0, 1.1, 2.5]), np.array([[11.0], [-7], [3]])], [np.zeros((1, 3)), 1]]),
}


class Threshold(torch.nn.Module):
    """Logits that can be checked: WT where channel 0 is high, ET where channel 1 is high too, TC as ET."""

    def forward(self, x):
        whole, inner = x[:, :1] - 0.5, torch.minimum(x[:, :1], x[:, 1:2]) - 0.5
        return 20 * torch.cat([whole, inner, inner], dim=1)


def write_case(folder, affine, channels=2):
    """A head of ones with a box of large values in both channels, well inside, and its expected label map."""
    rng = np.random.default_rng(0)
    image = np.zeros((*SHAPE, channels), np.float32)
    image[2:16, 3:18, 2:13] = rng.normal(1, 0.05, (14, 15, 11, channels))
    image[5:10, 6:12, 4:9, 0] = 60
    image[6:8, 7:10, 5:8, 1] = 60
    expected = np.zeros(SHAPE, np.uint8)
    expected[5:10, 6:12, 4:9] = 1
    expected[6:8, 7:10, 5:8] = 3
    path = folder / "case_1.nii.gz"
    nib.save(nib.Nifti1Image(image, affine), path)
    return path, expected


def infer(path, output_dir, **options):
    transform = preprocessing(channels=2, margin=1)
    after = postprocessing(transform, "msd", output_dir, **options)
    loader = DataLoader(CaseDataset([{"image": str(path), "case": "case_1"}], transform), batch_size=1)
    engine = Evaluator("cpu", loader, Threshold(), inferer=sliding_window(16), postprocessing=after)
    assert not output_dir.exists()
    engine.run()
    return engine


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES.keys())
def test_labels_come_back_on_the_files_own_grid(tmp_path, affine):
    path, expected = write_case(tmp_path, affine)
    infer(path, tmp_path / "out")
    given, saved = nib.load(path), nib.load(tmp_path / "out" / "case_1_seg.nii.gz")
    assert saved.shape == given.shape[:3]
    assert np.allclose(saved.affine, given.affine, atol=1e-5)
    assert nib.aff2axcodes(saved.affine) == nib.aff2axcodes(given.affine)
    assert saved.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(saved.dataobj), expected)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["case_1_seg.nii.gz"]


def test_probabilities_are_a_second_file(tmp_path):
    path, expected = write_case(tmp_path, AFFINES["LPS"])
    engine = infer(path, tmp_path / "out", save_probabilities=True, keep_probabilities=True)
    saved = nib.load(tmp_path / "out" / "case_1_probabilities.nii.gz")
    values = np.asarray(saved.dataobj)
    assert values.shape == (*SHAPE, 3)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() <= 1
    assert np.array_equal(values[..., 0] > 0.5, expected > 0)
    assert np.allclose(saved.affine, nib.load(path).affine)
    assert engine.state.output[0]["probabilities"].shape == (3, *SHAPE)
    assert engine.state.output[0]["pred"].shape == (1, *SHAPE)


def test_nothing_is_saved_without_a_folder(tmp_path):
    path, _ = write_case(tmp_path, AFFINES["RAS"])
    transform = preprocessing(channels=2)
    steps = postprocessing(transform, "msd", None).transforms
    assert not [step for step in steps if isinstance(step, SaveImaged)]
    assert path.exists()


def test_resampled_input_is_inverted_too(tmp_path):
    path, expected = write_case(tmp_path, AFFINES["oblique"])
    transform = preprocessing(channels=2, spacing=(1.0, 1.0, 1.0))
    data = CaseDataset([{"image": str(path), "case": "case_1"}], transform)
    after = postprocessing(transform, "msd", tmp_path / "out")
    Evaluator("cpu", DataLoader(data), Threshold(), inferer=sliding_window(16), postprocessing=after).run()
    saved = nib.load(tmp_path / "out" / "case_1_seg.nii.gz")
    assert saved.shape == SHAPE
    assert np.allclose(saved.affine, nib.load(path).affine, atol=1e-5)
    found = np.asarray(saved.dataobj)
    overlap = 2 * ((found > 0) & (expected > 0)).sum() / ((found > 0).sum() + (expected > 0).sum())
    assert overlap > 0.8


@pytest.mark.parametrize("shape", [(5, 6, 1), (5, 1, 1), (1, 6, 7)], ids=str)
def test_axes_of_length_one_stay(tmp_path, shape):
    SaveVolumed("pred", tmp_path)({"pred": torch.ones(1, *shape), "case": "a"})
    assert nib.load(tmp_path / "a_seg.nii.gz").shape == shape


@pytest.mark.parametrize(("case", "name"), [("a/b c", "a_b_c_seg"), ("BraTS-1.2+x", "BraTS-1.2+x_seg")])
def test_case_names_become_file_names(tmp_path, case, name):
    SaveVolumed("pred", tmp_path / "out")({"pred": torch.ones(1, 2, 2, 2), "case": case})
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"{name}.nii.gz"]


def test_an_interrupted_write_leaves_no_file(tmp_path):
    class Full(AtomicNibabelWriter):
        @classmethod
        def create_backend_obj(cls, *args, **kwargs):
            raise OSError("no space left on device")

    save = SaveVolumed("pred", tmp_path)
    save.saver.writers = (Full,)
    with pytest.raises(RuntimeError, match="no space left"):
        save({"pred": torch.ones(1, 2, 2, 2), "case": "a"})
    assert not list(tmp_path.iterdir())


def test_is_a_save_imaged_that_servers_recognise(tmp_path):
    assert isinstance(SaveVolumed("pred", tmp_path), SaveImaged)
