import logging
import re
import sys

from monai.handlers import ValidationHandler

from segpeft.engines import Progress
from tests.engines.tiny import adam, network, trainer, validator


def run(**options):
    net = network()
    judge = validator(net)
    progress = Progress(judge)
    trainer(net, adam(net), [progress, ValidationHandler(2, judge)], max_epochs=2, **options).run()
    return progress


def test_one_line_an_epoch_away_from_a_terminal(caplog, capsys):
    with caplog.at_level(logging.INFO, logger="segpeft"):
        run()
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("progress")]
    assert len(lines) == 2
    assert re.fullmatch(r"epoch 1/2: loss \d\.\d{4}, lr 1\.00e-02, \d+\.\d s, left \d\d:\d\d", lines[0])
    assert re.search(r", dice 0\.\d{4}, best 0\.\d{4} in epoch 2, .*, left 00:00", lines[1])
    assert "step" not in capsys.readouterr().err


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = run()
    shown = capsys.readouterr().err
    assert "8/8" in shown
    assert "loss=" in shown
    assert "lr=1.00e-02" in shown
    assert progress.bar is None
