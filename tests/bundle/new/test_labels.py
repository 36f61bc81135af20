import pytest

from segpeft.bundle.new.labels import choose_labels, choose_least_size
from segpeft.bundle.new.summary import Region
from segpeft.errors import InputError
from tests.bundle.new.summaries import summary


def scheme_and_flips(names, **changes):
    scheme, flips = choose_labels(summary(**changes), names)
    return scheme.value, flips.value


def test_names_of_the_data_set():
    scheme, flips = scheme_and_flips({1: "Anterior", 2: "Posterior"})
    assert scheme["regions"] == {"Anterior": [1], "Posterior": [2]}
    assert flips == [0]


def test_values_without_names():
    scheme, _ = scheme_and_flips({}, regions=(Region(1, 1, 5), Region(4, 1, 5)))
    assert scheme["regions"] == {"label 1": [1], "label 4": [4]}


def test_a_named_value_that_no_case_has_is_kept_and_said():
    chosen, _ = choose_labels(summary(regions=(Region(1, 1, 5),)), {1: "liver", 2: "tumour"})
    assert chosen.value["regions"] == {"liver": [1], "tumour": [2]}
    assert "no case looked at has tumour" in chosen.why


def test_the_scheme_of_a_layout():
    assert scheme_and_flips("kits19")[0] == "kits19"


def test_a_scheme_that_the_values_contradict_is_not_taken():
    scheme, _ = scheme_and_flips("kits19", regions=(Region(1, 1, 5), Region(3, 1, 5)))
    assert scheme["regions"] == {"label 1": [1], "label 3": [3]}


def test_negative_values_are_refused():
    with pytest.raises(InputError, match="value -1; expected 0 for background"):
        choose_labels(summary(regions=(Region(-1, 1, 5),)), {})


@pytest.mark.parametrize(
    ("name", "flips"),
    [
        ("left kidney", []),
        ("Kidney_Right", []),
        ("lh hippocampus", []),
        ("anterior", [0]),
        ("cleft", [0]),
        ("upright", [0]),
        ("liver", [0]),
    ],
)
def test_a_region_of_one_side_forbids_the_mirror(name, flips):
    assert scheme_and_flips({1: name, 2: "other"})[1] == flips


def test_small_findings_count_only_where_a_region_may_be_absent():
    seen = summary(regions=(Region(1, 1.0, 900), Region(2, 0.5, 80)))
    scheme = {"name": "own", "regions": {"organ": [1], "lesion": [2]}}
    assert choose_least_size(seen, scheme).value == {"lesion": 40}
