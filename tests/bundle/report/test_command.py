import os

import pytest

from segpeft.bundle.__main__ import main
from tests.bundle.report.evaluations import write_evaluation, write_training


def test_the_page_lies_in_the_evaluations_folder(tmp_path, capsys):
    folder = write_evaluation(tmp_path / "e", {"a": 0.5, "b": 0.6}, tmp_path / "data")
    assert main(["report", str(folder)]) == 0
    path = folder / "report.html"
    assert capsys.readouterr().out.strip() == str(path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sorted(os.listdir(folder)) == ["cases.csv", "labels", "record.json", "report.html", "run.json"]


def test_several_with_names_and_trainings(tmp_path):
    folders = [str(write_evaluation(tmp_path / name, {"a": 0.5, "b": 0.6})) for name in ("one", "other")]
    trainings = [str(write_training(tmp_path / name / "run")) for name in ("one", "other")]
    page = tmp_path / "out" / "page.html"
    arguments = ["report", *folders, "--out", str(page), "--names", "first", "second", "--training", *trainings]
    assert main(arguments) == 0
    assert "first vs second" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("Training loss over step") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["{0}"], "no such file, expected the table of an evaluation", id="no-evaluation"),
        pytest.param(["{1}", "{2}"], "expected --out FILE", id="where-to"),
        pytest.param(["{1}", "--training", "{1}", "{2}"], "expected 1, one an EVAL_DIR", id="trainings"),
        pytest.param(["{1}", "--training", "{2}"], "no event file of TensorBoard", id="no-training"),
        pytest.param(["{1}", "--names", "a", "b"], "expected 1 different names", id="names"),
        pytest.param(["{1}", "--channel", "-1"], "expected 0 or more", id="channel"),
    ],
)
def test_wrong_arguments_end_in_one_line(tmp_path, capsys, options, message):
    folders = [tmp_path / "none", *(write_evaluation(tmp_path / name, {"a": 0.5}) for name in ("one", "other"))]
    assert main(["report", *(option.format(*folders) for option in options)]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
