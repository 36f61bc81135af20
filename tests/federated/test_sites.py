"""Names of sites, and when they are away."""

from __future__ import annotations

import pytest

from segpeft.errors import InputError
from segpeft.federated.sites import absences, site_knobs, sites_of


def test_sites_are_named_after_their_data_or_as_they_are_told(tmp_path):
    (tmp_path / "north").mkdir()
    (tmp_path / "list.json").write_text("{}")
    found = sites_of([str(tmp_path / "north"), f"south={tmp_path / 'list.json'}"])
    assert found == {"north": tmp_path / "north", "south": tmp_path / "list.json"}


def test_a_link_gives_its_own_name(tmp_path):
    for name in ("north", "south"):
        (tmp_path / name).symlink_to(tmp_path)
    assert list(sites_of([str(tmp_path / "north"), str(tmp_path / "south")])) == ["north", "south"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a=.", "a=."], "two are called 'a'"),
        (["server=."], "not 'server'"),
        (["../a b=."], "is no name"),
        (["a=nowhere"], "no such folder or datalist"),
    ],
    ids=["twice", "server", "no_word", "missing"],
)
def test_wrong_sites(texts, expected):
    with pytest.raises(InputError, match=expected):
        sites_of(texts)


def test_absences():
    assert absences(["a=2", "b=3-4"], ["a", "b"]) == {"a": (2, None), "b": (3, 4)}


@pytest.mark.parametrize("text", ["c=2", "a", "a=x", "a=2-"])
def test_wrong_absences(text):
    with pytest.raises(InputError, match="expected SITE=FIRST"):
        absences([text], ["a", "b"])


def test_every_site_writes_to_a_place_of_its_own(tmp_path):
    places = [set(site_knobs(tmp_path, tmp_path / name).values()) for name in ("a", "b")]
    assert places[0] & places[1] == {str(tmp_path)}
