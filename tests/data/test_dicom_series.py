"""A folder read as one DICOM series is the volume it came from; a folder that is none ends in one line."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from segpeft.data.dicom_series import series_files
from segpeft.data.loading import LoadVolumed
from segpeft.data.phantoms.case import Volume
from segpeft.data.phantoms.dicom_files import SeriesIdentity, write_dicom_series
from segpeft.data.phantoms.grid import Grid
from segpeft.data.prepared_case import source_stamps
from segpeft.data.provenance import file_of
from segpeft.errors import InputError

SHAPE = (12, 10, 7)
ONE, OTHER = (SeriesIdentity("test", "patient", name, number) for number, name in enumerate(("T2", "ADC")))


def volume(turn: float = 5.0, shape: tuple[int, int, int] = SHAPE, voxel: float = 2.0, up: float = 0.0) -> Volume:
    """Noise on an oblique grid with slices of 3 mm."""
    extent = (voxel * shape[0], voxel * shape[1], 3.0 * shape[2])
    grid = Grid(shape, extent, (turn, -turn, turn), (10.0, -20.0, 30.0 + up), smallest=(1, 1, 1))
    values = np.random.default_rng(0).integers(-50, 2000, shape).astype(np.int16)
    return Volume(values, grid.affine)


def load(path: Path) -> object:
    return LoadVolumed("image")({"image": str(path)})["image"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom") / "T2"
    write_dicom_series(folder, volume(), ONE)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A series of seven slices to spoil."""
    return shutil.copytree(written, tmp_path / "T2")


def canonical(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image = nib.as_closest_canonical(nib.Nifti1Image(values, affine))
    return np.asarray(image.dataobj), image.affine


def test_a_folder_is_the_volume_it_was_written_from(folder: Path) -> None:
    image, source = load(folder), volume()
    assert image.shape == (1, *SHAPE)
    assert image.dtype == torch.float32
    assert file_of(image) == str(folder)
    found, expected = canonical(image[0].numpy(), image.affine.numpy()), canonical(source.values, source.affine)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-3)


def test_names_do_not_order_slices(folder: Path) -> None:
    before = load(folder)
    for index, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"IM{(index * 3) % 7}")  # no suffix, another order
    after = load(folder)
    np.testing.assert_array_equal(after.numpy(), before.numpy())
    np.testing.assert_allclose(after.affine, before.affine)


def test_other_files_beside_the_slices_are_passed_over(folder: Path) -> None:
    (folder / "LICENSE").write_text("free")
    (folder / "._0001.dcm").write_bytes(b"left by a file manager")
    assert [Path(path).name for path in series_files(folder)] == [f"{number:04d}.dcm" for number in range(1, 8)]


def test_a_case_mixes_nifti_and_dicom(folder: Path, write_nifti: Callable[..., str]) -> None:
    series = load(folder)
    twice = 2 * series[0].numpy()
    path = write_nifti(folder.parent / "ADC.nii.gz", twice, series.affine.numpy())
    image = LoadVolumed("image")({"image": [str(folder), path]})["image"]
    np.testing.assert_array_equal(image[1].numpy(), 2 * image[0].numpy())
    assert [file_of(image, channel) for channel in range(2)] == [str(folder), path]


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def double(folder: Path) -> None:
    shutil.copy(folder / "0003.dcm", folder / "copy.dcm")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def keep_three(folder: Path) -> None:
    for number in (1, 4, 6, 7):
        (folder / f"{number:04d}.dcm").unlink()


def cut(folder: Path, share: float) -> None:
    whole = (folder / "0004.dcm").read_bytes()
    (folder / "0004.dcm").write_bytes(whole[: int(share * len(whole))])


def cut_header(folder: Path) -> None:
    cut(folder, 0.1)


def cut_pixels(folder: Path) -> None:
    cut(folder, 0.95)


def add(name: str, source: Volume, identity: SeriesIdentity = ONE) -> Callable[[Path], None]:
    """Adds the first slice of another volume."""

    def spoil(folder: Path) -> None:
        write_dicom_series(folder.parent / "more", source, identity)
        shutil.copy(folder.parent / "more" / "0001.dcm", folder / name)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove("0004.dcm"), "0003.dcm and 0005.dcm lie 6 mm apart, the others 3 mm (missing slices?)"),
        (double, "0003.dcm and copy.dcm lie in the same place"),
        (add("other.dcm", volume(), OTHER), "holds 2 DICOM series"),
        (add("8.dcm", volume(shape=(12, 12, 7), up=21)), "8.dcm and 0001.dcm have (12, 12) and (12, 10) pixels"),
        (add("8.dcm", volume(voxel=2.5, up=21)), "(2.5, 2.5)"),
        (add("8.dcm", volume(turn=9.0, up=21)), "are turned differently"),
        (add("8.dcm", volume(up=1.0)), "mm apart, the others 3 mm (slices of another stack?)"),
        (add("8.dcm", volume(up=21.0 + 4.0)), "mm apart, the others 3 mm (missing slices?)"),
        (keep_three, "0003.dcm and 0005.dcm lie 6 mm apart, the others 3 mm"),
        (empty, "holds no DICOM file"),
        (cut_header, "0004.dcm is no readable DICOM image"),
        (cut_pixels, "0004.dcm"),
    ],
    ids=[
        *("missing", "duplicate", "two-series", "size", "voxels", "turned"),
        *("between", "gap", "half", "none", "header", "pixels"),
    ],
)
def test_a_folder_that_is_no_series_is_one_line(folder: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(folder)
    with pytest.raises(InputError) as caught:
        load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: ")
    assert said in message
    assert "\n" not in message


def test_slices_that_slide_sideways_are_refused(tmp_path: Path) -> None:
    source = volume(turn=0.0)
    for index in range(3):
        affine = source.affine.copy()
        affine[:3, 3] += (1.0 * index, 0.0, 3.0 * index)
        write_dicom_series(tmp_path / str(index), Volume(source.values[:, :, :1], affine), ONE)
        (tmp_path / "T2").mkdir(exist_ok=True)
        (tmp_path / str(index) / "0001.dcm").rename(tmp_path / "T2" / f"{index}.dcm")
    with pytest.raises(InputError, match=r"0\.dcm and 1\.dcm are shifted by 1 mm in their plane"):
        load(tmp_path / "T2")


def test_a_single_slice_is_a_volume(folder: Path) -> None:
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    assert load(folder).shape == (1, *SHAPE[:2], 1)


def test_without_itk_the_message_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itk", None)
    with pytest.raises(InputError, match="need the package itk"):
        load(folder)


def test_a_prepared_case_knows_every_slice_it_was_made_from(folder: Path) -> None:
    item = {"case": "one", "image": [str(folder)]}
    before = source_stamps(item)
    assert sorted(before) == [str(path) for path in sorted(folder.iterdir())]
    os.utime(folder / "0003.dcm", ns=(1, 1))
    assert {path for path, stamp in source_stamps(item).items() if stamp != before[path]} == {str(folder / "0003.dcm")}
