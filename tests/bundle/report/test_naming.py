from pathlib import Path

import pytest

from segpeft.bundle.report.naming import names_of
from segpeft.errors import InputError


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        pytest.param(["/a/eval"], ["eval"], id="one"),
        pytest.param(["/a/lora/evaluation", "/a/full/evaluation"], ["lora", "full"], id="differ-above"),
        pytest.param(["/a/lora", "/a/full"], ["lora", "full"], id="differ-at-the-end"),
        pytest.param(["/a/x/1/e", "/a/y/2/e"], ["x/1", "y/2"], id="two-parts"),
        pytest.param(["/a/e", "/a/b/e"], ["e", "b"], id="one-above-the-other"),
    ],
)
def test_names_are_where_paths_differ(folders, names):
    assert names_of([Path(folder) for folder in folders]) == names


@pytest.mark.parametrize(
    ("folders", "given", "message"),
    [
        pytest.param(["/a", "/a/../a"], [], "named twice", id="same-folder"),
        pytest.param(["/a", "/b"], ["x"], "expected 2 different names", id="too-few"),
        pytest.param(["/a", "/b"], ["x", "x"], "expected 2 different names", id="alike"),
    ],
)
def test_wrong_names(folders, given, message):
    with pytest.raises(InputError, match=message):
        names_of([Path(folder) for folder in folders], given)


def test_given_names():
    assert names_of([Path("/a"), Path("/b")], ["one", "two"]) == ["one", "two"]
