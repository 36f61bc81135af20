import logging
import warnings

import pytest
from ignite.engine import Events
from monai.data import DataLoader

from segpeft.errors import InputError
from tests.engines.tiny import cases, loader, network, validator


class Skipping:
    """A loader that gives fewer batches than its data set is long."""

    def __init__(self, count, bad):
        self.dataset = cases(count)
        self.bad = bad
        self.rejected = []

    def __len__(self):
        return len(self.dataset)

    def __iter__(self):
        self.rejected = []
        for batch in DataLoader(self.dataset, batch_size=1):
            if batch["case"][0] in self.bad:
                self.rejected.append(f"{batch['case'][0]}.nii.gz: holds NaN,\nexpected numbers")
            else:
                yield batch


@pytest.mark.parametrize("bad", [[], ["case0"], ["case4"], ["case1", "case4"]], ids=["none", "first", "last", "two"])
def test_good_cases_are_done_before_rejected_ones_are_reported(bad):
    engine = validator(network(), Skipping(5, bad))
    finished = []
    engine.add_event_handler(Events.COMPLETED, lambda: finished.append(engine.state.metrics["cases"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # ignite warns when it waits for more data
        if bad:
            with pytest.raises(
                InputError, match=f"^{len(bad)} of 5 cases were rejected: {bad[0]}.*NaN, expected"
            ) as caught:
                engine.run()
            assert "\n" not in str(caught.value)
        else:
            engine.run()
    assert finished == [5 - len(bad)]
    assert engine.state.iteration == 5 - len(bad)


def test_all_cases_rejected():
    engine = validator(network(), Skipping(2, ["case0", "case1"]))
    with pytest.raises(InputError, match="2 of 2"):
        engine.run()
    assert engine.state.best_metric_epoch == -1 or engine.state.metrics["cases"] == 0


def test_runs_again_and_again():
    engine = validator(network(), loader(3, random=False))
    first = None
    for epoch in (1, 2, 5):
        engine.run(epoch)
        assert engine.state.epoch == epoch
        assert engine.state.iteration == 3
        assert engine.state.metrics["cases"] == 3
        first = engine.state.metrics["dice"] if first is None else first
        assert engine.state.metrics["dice"] == first
    assert engine.state.best_metric_epoch == 1


def test_a_new_rejection_in_a_later_run_is_not_doubled():
    engine = validator(network(), Skipping(3, ["case1"]))
    for _ in range(2):
        with pytest.raises(InputError, match="1 of 3"):
            engine.run()


def test_no_case_is_an_error_unless_allowed():
    with pytest.raises(InputError, match="no case"):
        validator(network(), []).run()
    engine = validator(network(), [], allow_empty=True)
    with pytest.warns(UserWarning, match="skipped"):
        engine.run()
    assert engine.state.best_metric_epoch == -1


def test_length_and_disk_are_left_alone_at_construction():
    class Never:
        def __len__(self):
            raise RuntimeError("asked too early")

        def __iter__(self):
            raise RuntimeError("read too early")

    validator(network(), Never())


def test_an_error_is_logged_by_nobody_else(caplog):
    engine = validator(network(), loader(1, random=False))
    engine.add_event_handler(Events.STARTED, _refuse)
    with caplog.at_level(logging.ERROR), pytest.raises(InputError):
        engine.run()
    assert not caplog.records


def _refuse():
    raise InputError("no")


def test_data_is_prepared_once():
    batches = loader(1, random=False)
    prepared = []
    batches.dataset.prepare = lambda: prepared.append(1)
    engine = validator(network(), batches)
    assert not prepared
    engine.run(1)
    engine.run(2)
    assert prepared == [1]
