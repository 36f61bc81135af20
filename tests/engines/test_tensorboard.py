from monai.handlers import ValidationHandler
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segpeft.engines import TensorBoard
from tests.engines.tiny import adam, network, trainer, validator


def test_scalars_and_a_picture(tmp_path):
    net = network()
    judge = validator(net)
    board = TensorBoard(tmp_path / "events", judge)
    engine = trainer(net, adam(net), [board, ValidationHandler(1, judge)], max_epochs=2)
    assert not list(tmp_path.iterdir())  # nothing before the run
    engine.run()

    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert set(events.Tags()["scalars"]) == {
        "train/loss",
        "train/learning_rate",
        "validation/dice",
        "validation/dice_whole",
        "validation/dice_core",
        "validation/cases",
    }
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 9))
    assert [event.step for event in events.Scalars("validation/dice")] == [1, 2]
    assert abs(events.Scalars("validation/dice")[1].value - judge.state.metrics["dice"]) < 1e-6
    pictures = events.Images("validation/case")
    assert [picture.step for picture in pictures] == [1, 2]
    assert (pictures[0].width, pictures[0].height) == (18, 6)
    assert board.writer is None
