"""The report of what a bundle's evaluation really leaves."""

from __future__ import annotations

import json

from segpeft.bundle.__main__ import main
from tests.bundles.runs import CHANNELS, REGIONS, run


def test_an_evaluation_is_reported_with_nothing_missing(subject):
    evaluation = subject.trained / "reported"
    places = {"model_dir": subject.trained / "models", "output_dir": evaluation}
    run(subject.bundle, "train", "evaluate", run_id="evaluating", **subject.training, **places)
    channels = CHANNELS[subject.bundle]
    assert main(["report", str(evaluation), "--channel", str(len(channels) - 1)]) == 0
    text = (evaluation / "report.html").read_text(encoding="utf-8")
    for missing in ("No picture", "No prediction", 'class="notes"', "values are not finite"):
        assert missing not in text
    assert f"Image ({channels[-1]})" in text
    for region in REGIONS[subject.bundle]:
        assert f"prediction: {region}" in text
    record, cost = (json.loads((evaluation / f"{name}.json").read_text()) for name in ("record", "run"))
    assert record["data"]["sha256"] in text
    assert f"{cost['parameters']['trainable']:,}" in text
    assert "Training loss over step" in text
    assert "Validation Dice over epoch" in text
