import pytest

from segpeft.bundle.new.writing import new_folder
from segpeft.errors import InputError


def write(out, text, force=False):
    with new_folder(out, force) as folder:
        (folder / "configs").mkdir()
        (folder / "configs" / "train.json").write_text(text)


def test_a_folder_appears_whole(tmp_path):
    write(tmp_path / "deep" / "own", "1")
    assert (tmp_path / "deep" / "own" / "configs" / "train.json").read_text() == "1"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["own"]


def write_half(out):
    with new_folder(out, force=False) as folder:
        (folder / "half").write_text("")
        raise InputError("no such data")


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(InputError, match="no such data"):
        write_half(tmp_path / "own")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path):
    write(tmp_path / "own", "1")
    with pytest.raises(InputError, match="is there already; --force"):
        write(tmp_path / "own", "2")
    assert (tmp_path / "own" / "configs" / "train.json").read_text() == "1"


def test_force_keeps_what_trainings_left(tmp_path):
    out = tmp_path / "own"
    write(out, "1")
    (out / "models").mkdir()
    (out / "models" / "model.pt").write_text("weights")
    (out / "configs" / "mine.json").write_text("{}")
    write(out, "2", force=True)
    assert (out / "configs" / "train.json").read_text() == "2"
    assert (out / "models" / "model.pt").read_text() == "weights"
    assert not (out / "configs" / "mine.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_force_does_not_replace_what_is_no_bundle(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    with pytest.raises(InputError, match="is no bundle"):
        write(tmp_path / "letters", "1", force=True)
    assert (tmp_path / "letters" / "one.txt").read_text() == "dear"


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "own").mkdir()
    write(tmp_path / "own", "1")
    assert (tmp_path / "own" / "configs").is_dir()
