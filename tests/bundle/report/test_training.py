import pytest
from torch.utils.tensorboard import SummaryWriter

from segpeft.bundle.report.evaluation import read_evaluation
from segpeft.bundle.report.training import find_training, read_training
from segpeft.errors import InputError
from tests.bundle.report.evaluations import write_evaluation, write_record, write_training


@pytest.fixture
def evaluation(tmp_path):
    return read_evaluation(write_evaluation(tmp_path / "evaluation", {"a": 0.5}), "evaluation")


def test_curves(tmp_path):
    found = read_training(write_training(tmp_path / "training"))
    assert found.scalars["train/loss"][:2] == [(1.0, 1.0), (2.0, 0.5)]
    assert [epoch for epoch, _ in found.scalars["validation/dice_organ"]] == [1, 2, 3]
    assert found.run["best_metric_epoch"] == 2


def test_a_resumed_training_repeats_steps(tmp_path):
    for first, value in ((1, 5.0), (2, 3.0)):  # the second file begins before the first one ends
        writer = SummaryWriter(str(tmp_path), filename_suffix=f".{first}")
        for step in range(first, first + 3):
            writer.add_scalar("train/loss", value, step)
        writer.close()
    assert read_training(tmp_path).scalars["train/loss"] == [(1, 5.0), (2, 3.0), (3, 3.0), (4, 3.0)]


def test_values_that_are_not_finite_are_left_out(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    for step, value in enumerate((1.0, float("nan"), 2.0)):
        writer.add_scalar("train/loss", value, step)
    writer.close()
    assert read_training(tmp_path).scalars["train/loss"] == [(0, 1.0), (2, 2.0)]


def test_the_training_with_the_same_models_is_found(tmp_path, evaluation):
    write_training(tmp_path / "run")
    write_training(tmp_path / "another")
    write_record(tmp_path / "another", kind="training", config={"model_dir": "elsewhere"})
    assert find_training(evaluation) == tmp_path / "run"


def test_two_that_fit_are_none(tmp_path, evaluation):
    write_training(tmp_path / "run")
    write_training(tmp_path / "again")
    assert find_training(evaluation) is None


@pytest.mark.parametrize(("folder", "found"), [("training", True), ("run", False)])
def test_without_a_record_the_folders_name_decides(tmp_path, evaluation, folder, found):
    write_training(tmp_path / folder, record=False)
    assert find_training(evaluation) == (tmp_path / folder if found else None)


def test_no_training(tmp_path, evaluation):
    assert find_training(evaluation) is None
    with pytest.raises(InputError, match="no event file"):
        read_training(tmp_path)
