"""The brain phantom: layout, determinism, anatomy, and that no channel alone is enough for the labels."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import rankdata

from segpeft.data.phantoms.__main__ import main
from segpeft.data.phantoms.brain import CHANNELS, FIELD_OF_VIEW, PHANTOM, brain_case
from segpeft.data.phantoms.case import PhantomCase
from segpeft.data.phantoms.grid import Grid
from segpeft.data.phantoms.mr_physics import draw_receivers
from segpeft.data.phantoms.msd_writer import Settings, write_dataset
from segpeft.data.phantoms.solids import Tube, ellipsoid
from segpeft.data.phantoms.waves import RandomWaves
from segpeft.errors import InputError

SHAPE = (40, 40, 28)
TINY = (24, 24, 24)
FLAIR, T1W, T1GD, T2W = range(4)
OEDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    """24 cases of seed 0."""
    return [brain_case(SHAPE, 0, index) for index in range(24)]


@pytest.fixture(scope="module")
def fine() -> PhantomCase:
    """Case 1 of seed 3 on a grid three times as fine."""
    return brain_case((120, 120, 84), 3, 1)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, **changes: object) -> dict[str, bytes]:
    settings = replace(Settings(cases=2, shape=TINY), **changes)
    list(write_dataset(PHANTOM, folder, settings))
    return files_of(folder)


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a voxel of the first set is brighter than one of the second."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def mean_auc(
    cases: list[PhantomCase], channel: int, pick: Callable[[PhantomCase], tuple[np.ndarray, np.ndarray]]
) -> float:
    scores = []
    for case in cases:
        first, second = pick(case)
        if first.any() and second.any():
            scores.append(auc(case.image[channel][first], case.image[channel][second]))
    assert len(scores) >= 12
    return float(np.mean(scores))


def test_layout_is_readable_and_complete(tmp_path: Path) -> None:
    write(tmp_path, start=4)
    listed = json.loads((tmp_path / "dataset.json").read_text())
    assert listed["training"] == [
        {"image": f"./imagesTr/BRATS_00{n}.nii.gz", "label": f"./labelsTr/BRATS_00{n}.nii.gz"} for n in (5, 6)
    ]
    assert (listed["numTraining"], listed["numTest"], listed["test"]) == (2, 0, [])
    assert listed["tensorImageSize"] == "4D"
    assert listed["modality"] == {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    assert listed["labels"] == {
        "0": "background",
        "1": "edema",
        "2": "non-enhancing tumor",
        "3": "enhancing tumour",
    }
    case = brain_case(TINY, 0, 4)
    image = nib.load(tmp_path / listed["training"][0]["image"])
    label = nib.load(tmp_path / listed["training"][0]["label"])
    assert image.get_data_dtype() == np.int16
    assert label.get_data_dtype() == np.uint8
    assert np.array_equal(np.asanyarray(image.dataobj), np.moveaxis(case.image, 0, -1))
    assert np.array_equal(np.asanyarray(label.dataobj), case.label)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(image.affine, case.affine)
    assert np.allclose(label.affine, case.affine)


def test_unlabelled_cases_are_images_listed_as_test(tmp_path: Path) -> None:
    unlabelled = write(tmp_path / "unlabelled", labelled=False)
    labelled = write(tmp_path / "labelled")
    assert sorted(unlabelled) == ["dataset.json", "imagesTs/BRATS_001.nii.gz", "imagesTs/BRATS_002.nii.gz"]
    listed = json.loads(unlabelled["dataset.json"])
    assert listed["test"] == ["./imagesTs/BRATS_001.nii.gz", "./imagesTs/BRATS_002.nii.gz"]
    assert (listed["training"], listed["numTraining"], listed["numTest"]) == ([], 0, 2)
    assert unlabelled["imagesTs/BRATS_001.nii.gz"] == labelled["imagesTr/BRATS_001.nii.gz"]


def test_bytes_depend_on_the_settings_alone(tmp_path: Path) -> None:
    first, again = write(tmp_path / "first"), write(tmp_path / "again")
    assert len(first) == 5
    assert first == again
    other = write(tmp_path / "other", seed=1)
    assert all(first[name] != other[name] for name in first)
    image_1, image_2 = (first[f"imagesTr/BRATS_00{n}.nii.gz"] for n in (1, 2))
    assert image_1 != image_2
    late = write(tmp_path / "late", cases=1, start=1)
    assert late["imagesTr/BRATS_002.nii.gz"] == image_2


@pytest.mark.slow  # each worker imports the package afresh
def test_workers_write_the_same_bytes(tmp_path: Path) -> None:
    written = list(write_dataset(PHANTOM, tmp_path / "two", Settings(cases=2, shape=TINY), workers=2))
    assert len(written) == 2
    assert files_of(tmp_path / "two") == write(tmp_path / "one")


def test_interrupted_run_is_continued_and_complete_one_left_alone(tmp_path: Path) -> None:
    complete = write(tmp_path / "whole")
    settings = Settings(cases=2, shape=TINY)
    run = write_dataset(PHANTOM, tmp_path / "cut", settings)
    assert next(run).name == "BRATS_001.nii.gz"
    run.close()
    assert "dataset.json" not in files_of(tmp_path / "cut")
    with pytest.raises(InputError, match="seed 0 instead of 1"):
        write(tmp_path / "cut", seed=1)
    assert [path.name for path in write_dataset(PHANTOM, tmp_path / "cut", settings)] == ["BRATS_002.nii.gz"]
    assert files_of(tmp_path / "cut") == complete
    assert list(write_dataset(PHANTOM, tmp_path / "cut", settings)) == []
    (tmp_path / "cut" / "labelsTr" / "BRATS_001.nii.gz").unlink()
    assert write(tmp_path / "cut") == complete


def test_labels_are_nested_inside_the_brain(cases: list[PhantomCase]) -> None:
    assert set(np.unique([case.label for case in cases])) == {0, OEDEMA, NON_ENHANCING, ENHANCING}
    for case in cases:
        assert case.image.dtype == np.int16
        assert case.label.dtype == np.uint8
        brain = (case.image > 0).all(axis=0)
        assert np.array_equal(brain, (case.image > 0).any(axis=0)), "all channels share one mask"
        assert (case.image[:, ~brain] == 0).all()
        assert not brain[0].any()
        assert not brain[:, 0].any()
        assert 0.1 < brain.mean() < 0.25
        whole, core = case.label > 0, case.label >= NON_ENHANCING
        assert brain[whole].all()
        assert 0.002 < whole.sum() / brain.sum() < 0.2
        assert 0.03 < core.sum() / whole.sum() < 0.7
        assert (case.label == OEDEMA).any()
        assert (case.label == NON_ENHANCING).any()


def test_rim_lies_around_the_core_and_oedema_around_both(cases: list[PhantomCase]) -> None:
    with_rim = 0
    for case in cases:
        centre = np.argwhere(case.label >= NON_ENHANCING).mean(axis=0)
        radius = [
            np.linalg.norm(np.argwhere(case.label == k) - centre, axis=1).mean()
            for k in (1, 2, 3)
            if (case.label == k).any()
        ]
        assert radius[0] > max(radius[1:])
        if len(radius) == 3:
            assert radius[2] > radius[1]
            with_rim += 1
    assert with_rim >= 12


def test_some_cases_do_not_enhance(cases: list[PhantomCase]) -> None:
    without = sum(not (case.label == ENHANCING).any() for case in cases)
    assert 1 <= without <= 8


def test_intensities_are_scaled_a_case_and_a_channel(cases: list[PhantomCase]) -> None:
    peaks = np.array([[channel.max() for channel in case.image] for case in cases])
    assert peaks.min() > 350
    assert peaks.max() < 5000
    assert (peaks.max(axis=0) / peaks.min(axis=0) > 1.8).all()
    ratios = np.log(peaks / peaks.mean(axis=1, keepdims=True))
    assert (ratios.std(axis=0) > 0.05).all()


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.4, 0.6), (T1W, 0.4, 0.6), (T1GD, 0.9, 1.0), (T2W, 0.4, 0.6)],
    ids=CHANNELS,
)
def test_enhancing_rim_shows_in_t1gd_alone(cases: list[PhantomCase], channel: int, low: float, high: float) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label == ENHANCING, case.label == NON_ENHANCING))
    assert low <= score <= high


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.9, 1.0), (T1W, 0.2, 0.8), (T1GD, 0.2, 0.8), (T2W, 0.2, 0.8)],
    ids=CHANNELS,
)
def test_oedema_shows_in_flair_alone(cases: list[PhantomCase], channel: int, low: float, high: float) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label == OEDEMA, (case.label == 0) & (case.image[0] > 0)))
    assert low <= score <= high


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.35, 0.65), (T1W, 0.0, 0.1), (T2W, 0.9, 1.0)],
    ids=["FLAIR", "T1w", "T2w"],
)
def test_core_differs_from_oedema_but_not_in_flair(
    cases: list[PhantomCase], channel: int, low: float, high: float
) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label >= NON_ENHANCING, case.label == OEDEMA))
    assert low <= score <= high


@pytest.mark.parametrize(("channel", "inside"), [(FLAIR, OEDEMA), (T1GD, ENHANCING)], ids=["caps", "vessels"])
def test_decoys_are_as_bright_as_tumour(fine: PhantomCase, channel: int, inside: int) -> None:
    bright = fine.image[channel] > 0.9 * np.median(fine.image[channel][fine.label == inside])
    decoys = bright & (fine.label == 0)
    assert 50 < decoys.sum() < 0.5 * (fine.label > 0).sum()


def test_finer_grid_shows_the_same_patient(fine: PhantomCase) -> None:
    coarse = brain_case(SHAPE, 3, 1)
    assert np.allclose(np.diag(coarse.affine)[:3], 3 * np.diag(fine.affine)[:3])

    def pooled(volume: np.ndarray) -> np.ndarray:
        return volume.reshape(40, 3, 40, 3, 28, 3).mean(axis=(1, 3, 5))

    label = np.stack([pooled(fine.label == k) for k in range(4)]).argmax(axis=0)
    for k in (OEDEMA, NON_ENHANCING, ENHANCING):
        assert (label == k).sum() > 10
        assert 2 * ((label == k) & (coarse.label == k)).sum() / ((label == k).sum() + (coarse.label == k).sum()) > 0.7
    brain = pooled(fine.image[0] > 0) > 0.5
    assert (brain == (coarse.image[0] > 0)).mean() > 0.98
    for channel in range(4):
        assert np.corrcoef(pooled(fine.image[channel])[brain], coarse.image[channel][brain])[0, 1] > 0.85


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cases", "0"], "cases 0"),
        (["--cases", "1", "--shape", "64", "64", "23"], "shape 64 64 23"),
        (["--cases", "1", "--seed", "-1"], "seed -1"),
        (["--cases", "1", "--start", "-1"], "start -1"),
        (["--cases", "1", "--workers", "0"], "workers 0"),
        (["--cases", "many"], "--cases"),
        (["--shape", "64", "64", "64"], "--cases"),
    ],
    ids=["cases", "shape", "seed", "start", "workers", "not-a-number", "left-out"],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        status = main(["brain", "--out", str(tmp_path / "out"), *arguments])
    except SystemExit as stop:
        status = stop.code
    message = capsys.readouterr().err
    assert status in (1, 2)
    assert message.count("\n") == 1
    assert message.endswith("\n")
    assert said in message
    assert not (tmp_path / "out").exists()


def test_folder_of_another_data_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path, cases=1)
    tiny = [str(n) for n in TINY]
    assert main(["brain", "--out", str(tmp_path), "--cases", "1", "--seed", "7", "--shape", *tiny]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "seed 0 instead of 7" in message
    assert "dataset.json" in message
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dataset.json", "{}", "not written by a phantom"),
        ("dataset.json", "[", "not valid JSON"),
        ("notes.txt", "", "no dataset.json"),
    ],
    ids=["real-data", "broken", "other-files"],
)
def test_foreign_folder_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_module_reports_an_error_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "segpeft.data.phantoms", "brain", "--out", str(tmp_path / "set"), "--cases", "1"]
    failed = subprocess.run([*command, "--shape", "8", "24", "24"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert re.fullmatch(r"error: shape 8 24 24: [^\n]+\n", failed.stderr)


def test_command_line_writes_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["brain", "--out", str(tmp_path / "set"), "--cases", "1", "--shape", "24", "24", "24", "--unlabelled"]
    assert main(arguments) == 0
    assert "1 cases, 1 written now" in capsys.readouterr().out
    assert files_of(tmp_path / "set") == write(tmp_path / "same", cases=1, labelled=False)


def test_ellipsoid_and_tube_distances() -> None:
    points = np.array([[10, 0, 0], [0, 24, 0], [0, 0, 5]], dtype=np.float32)
    assert np.allclose(ellipsoid(points, (0, 0, 0), (10, 20, 8))[[0, 1]], [0, 4], atol=0.5)
    line = np.array([[0, 0, -20], [0, 0, 0], [0, 0, 20]], dtype=np.float32)
    distance = Tube(line, np.full(3, 3, dtype=np.float32)).distance(points, reach=12)
    assert np.allclose(distance[[0, 2]], [7, -3], atol=0.1)
    assert np.isinf(distance[1])


def test_waves_have_zero_mean_unit_variance_and_true_distances() -> None:
    waves = RandomWaves(np.random.default_rng(0), wavelength=20.0, waves=24)
    points = np.random.default_rng(1).uniform(-500, 500, size=(20000, 3)).astype(np.float32)
    values = waves.scalar(points)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    line = np.zeros((4001, 3), dtype=np.float32)
    line[:, 0] = np.linspace(-40, 40, 4001)
    crossing = np.flatnonzero(np.diff(np.sign(waves.scalar(line))))
    assert len(crossing) > 3
    assert (waves.zero_distance(line)[crossing] < 0.05).all()


def test_receiver_bounds_bias_and_adds_noise() -> None:
    receivers = draw_receivers(np.random.default_rng(0), (1000.0, 1000.0))
    points = Grid((24, 24, 24), FIELD_OF_VIEW).centres(np.arange(24**3))
    rng = np.random.default_rng(1)
    flat = [
        receiver.receive(np.ones(len(points), dtype=np.float32), points, rng) / receiver.gain for receiver in receivers
    ]
    for values in flat:
        assert 0.7 < values.min() < 0.93
        assert 1.07 < values.max() < 1.35
    smooth = [1.0 + 0.2 * np.tanh(receiver.bias.scalar(points)) for receiver in receivers]
    assert abs(np.corrcoef(*smooth)[0, 1]) < 0.9
    assert (flat[0] - smooth[0]).std() == pytest.approx(0.03, rel=0.1)
    silent = receivers[0].receive(np.zeros(len(points), dtype=np.float32), points, rng)
    assert silent.min() >= 1
    assert silent.mean() / receivers[0].gain == pytest.approx(0.03 * np.sqrt(np.pi / 2), rel=0.1)  # Rayleigh
