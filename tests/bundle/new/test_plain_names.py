import pytest

from segpeft.bundle.new.plain_names import file_name, plain_name, plain_names


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("left kidney", "left kidney"),
        ("$import os", "import os"),
        ("@network", "network"),
        ("%train.json::x", "train.json x"),
        ("tumour #2", "tumour 2"),
        ('it\'s "quoted"', "it s quoted"),
        ("a/b\\c\nd", "a b c d"),
        ("Schädel (links)", "Schädel (links)"),
        ("--rm", "rm"),
        ("  ", "other"),
        ("$", "other"),
        (7, "7"),
    ],
    ids=str,
)
def test_a_name_means_nothing_to_a_config(text, plain):
    assert plain_name(text, "other") == plain


def test_names_stay_different():
    assert plain_names(["a#", "a$", "", "b"], "label") == ["a", "a 2", "label 3", "b"]


@pytest.mark.parametrize(
    ("text", "name"), [("Mine", "mine"), ("it's #1", "it_s_1"), ("ä", "bundle"), ("..", "bundle")], ids=str
)
def test_file_names_are_latin(text, name):
    assert file_name(text) == name
