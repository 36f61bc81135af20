"""One volume a channel: the files of both forms, and that DICOM and NIfTI agree voxel for voxel in world space."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage

from segpeft.data.phantoms.abdomen import PHANTOM as ABDOMEN
from segpeft.data.phantoms.abdomen import abdomen_case
from segpeft.data.phantoms.brain import PHANTOM as BRAIN
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.prostate import PHANTOM, prostate_series
from segpeft.data.phantoms.settings import Settings
from segpeft.errors import InputError
from tests.data.phantoms.written import files_of, write

SHAPE = (32, 30, 8)
CASE = "prostate_001"


def write_series(folder: Path, dicom: bool, **changes: object) -> dict[str, bytes]:
    return write(folder, PHANTOM, **{"cases": 1, "shape": SHAPE, "layout": "series", "dicom": dicom, **changes})


@pytest.fixture(scope="module")
def nifti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nifti")
    write_series(folder, dicom=False)
    return folder


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom")
    write_series(folder, dicom=True)
    return folder


def by_world(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A volume turned to closest RAS, so that two of other axis orders can be compared."""
    image = nib.as_closest_canonical(nib.Nifti1Image(values, affine))
    return np.asarray(image.dataobj), image.affine


def test_each_channel_has_its_own_grid(nifti: Path) -> None:
    assert sorted(files_of(nifti)) == sorted(
        ["phantom.json", *(f"{CASE}/{name}.nii.gz" for name in ("T2", "ADC", "label"))]
    )
    case = prostate_series(SHAPE, 0, 0)
    for name, volume in zip(("T2", "ADC", "label"), (*case.images, case.label), strict=True):
        image = nib.load(nifti / CASE / f"{name}.nii.gz")
        assert np.array_equal(np.asanyarray(image.dataobj), volume.values)
        assert np.allclose(image.affine, volume.affine, atol=1e-4)
        assert image.get_data_dtype() == volume.values.dtype
    assert json.loads((nifti / "phantom.json").read_text())["cases"] == [CASE]


def test_dicom_has_a_file_a_slice(dicom: Path) -> None:
    case = prostate_series(SHAPE, 0, 0)
    for name, volume in zip(("T2", "ADC"), case.images, strict=True):
        names = sorted(path.name for path in (dicom / CASE / name).iterdir())
        assert names == [f"{number:04d}.dcm" for number in range(1, volume.values.shape[2] + 1)]
    assert (dicom / CASE / "label.nii.gz").is_file()
    assert not list(dicom.rglob(".partial*"))


@pytest.mark.parametrize("channel", ["T2", "ADC"])
def test_dicom_and_nifti_are_the_same_in_world_space(nifti: Path, dicom: Path, channel: str) -> None:
    series = LoadImage(reader="ITKReader")(str(dicom / CASE / channel))
    image = nib.load(nifti / CASE / f"{channel}.nii.gz")
    found, found_affine = by_world(series.numpy(), series.affine.numpy())
    expected, expected_affine = by_world(np.asarray(image.dataobj), image.affine)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found_affine, expected_affine, atol=1e-3)


def test_dicom_rows_run_to_the_left_and_columns_to_the_back(dicom: Path) -> None:
    affine = LoadImage(reader="ITKReader")(str(dicom / CASE / "ADC")).affine.numpy()
    assert nib.aff2axcodes(affine) == ("L", "P", "S")


def test_dicom_tags_tell_series_and_slices_apart(dicom: Path) -> None:
    import itk

    found: dict[str, list[str]] = {tag: [] for tag in ("0008|0018", "0020|000d", "0020|000e", "0020|0052")}
    for path in sorted((dicom / CASE).rglob("*.dcm")):
        reader = itk.GDCMImageIO.New()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        for tag, values in found.items():
            values.append(reader.GetMetaDataDictionary()[tag].strip())
    instances, studies, series, frames = (len(set(values)) for values in found.values())
    assert (instances, studies, series, frames) == (len(found["0008|0018"]), 1, 2, 1)


def test_dicom_bytes_depend_on_the_settings_alone(dicom: Path, tmp_path: Path) -> None:
    assert write_series(tmp_path / "again", dicom=True) == files_of(dicom)
    other = write_series(tmp_path / "other", dicom=True, seed=1)
    assert not set(other.values()) & set(files_of(dicom).values())


def test_interrupted_series_are_completed(nifti: Path, dicom: Path, tmp_path: Path) -> None:
    for whole, form in ((nifti, False), (dicom, True)):
        folder = tmp_path / str(form)
        files = write_series(folder, dicom=form)
        for path in (folder / CASE).rglob("ADC*/*" if form else "ADC*"):
            path.unlink()
        if form:
            (folder / CASE / "ADC").rmdir()
        assert list(write_dataset(PHANTOM, folder, Settings(1, SHAPE, layout="series", dicom=form))) == [folder / CASE]
        assert files_of(folder) == files == files_of(whole)


def test_forms_are_not_mixed_in_one_folder(tmp_path: Path) -> None:
    write_series(tmp_path, dicom=False, labelled=False)
    with pytest.raises(InputError, match="dicom False instead of True"):
        write_series(tmp_path, dicom=True, labelled=False)
    with pytest.raises(InputError, match=r"no dataset\.json"):
        write(tmp_path, PHANTOM, cases=1, shape=SHAPE)


def test_a_phantom_on_one_grid_has_series_too(tmp_path: Path) -> None:
    files = write(tmp_path, BRAIN, cases=1, layout="series", labelled=False)
    assert sorted(files) == [*(f"BRATS_001/{name}.nii.gz" for name in sorted(BRAIN.modality)), "phantom.json"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layout": "bids"}, "layout bids: must be one of msd, series"),
        ({"dicom": True}, "layout msd: cannot hold DICOM"),
    ],
    ids=["layout", "dicom"],
)
def test_wrong_settings_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Settings(1, SHAPE, **changes)


def test_a_ct_says_so_and_keeps_its_hounsfield_units(tmp_path: Path) -> None:
    import itk

    write(tmp_path, ABDOMEN, cases=1, shape=(28, 24, 8), layout="series", dicom=True)
    folder = tmp_path / "abdomen_001" / "CT"
    reader = itk.GDCMImageIO.New()
    reader.SetFileName(str(folder / "0001.dcm"))
    reader.ReadImageInformation()
    assert reader.GetMetaDataDictionary()["0008|0060"].strip() == "CT"
    case = abdomen_case((28, 24, 8), 0, 0)
    read = LoadImage(reader="ITKReader")(str(folder))
    found, expected = by_world(read.numpy(), read.affine.numpy()), by_world(case.image[0], case.affine)
    np.testing.assert_array_equal(found[0], expected[0])
