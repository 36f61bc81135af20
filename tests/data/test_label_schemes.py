import pytest

from segpeft.data.label_schemes import LabelScheme, label_scheme
from segpeft.errors import InputError


@pytest.mark.parametrize(
    ("name", "whole", "core", "enhancing", "paint"),
    [
        pytest.param("msd", {1, 2, 3}, {2, 3}, {3}, (1, 2, 3), id="msd"),
        pytest.param("brats", {1, 2, 4}, {1, 4}, {4}, (2, 1, 4), id="brats"),
        pytest.param("brats2023", {1, 2, 3}, {1, 3}, {3}, (2, 1, 3), id="brats2023"),
    ],
)
def test_brain_schemes_hold_the_published_regions(name, whole, core, enhancing, paint):
    scheme = label_scheme(name)
    assert scheme.region_names == ("WT", "TC", "ET")
    assert [set(values) for values in scheme.regions.values()] == [whole, core, enhancing]
    assert tuple(scheme.paint[region] for region in scheme.region_names) == paint
    assert scheme.values == (0, *sorted(whole))


def test_channel_def_goes_from_background_upwards():
    assert label_scheme("brats").channel_def == {
        "0": "background",
        "1": "necrotic and non-enhancing tumour",
        "2": "edema",
        "4": "enhancing tumour",
    }


def test_a_scheme_of_ones_own_needs_only_regions():
    scheme = label_scheme({"name": "lesion", "regions": {"lesion": [1]}})
    assert scheme.values == (0, 1)
    assert scheme.paint == {"lesion": 1}
    assert scheme.channel_def == {"0": "background", "1": "lesion"}
    assert label_scheme(scheme) is scheme


def test_a_scheme_is_frozen():
    with pytest.raises(AttributeError):
        label_scheme("msd").name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("msds", "did you mean 'msd'", id="misspelt"),
        pytest.param({"name": "x"}, "expected `regions`", id="no regions"),
        pytest.param({"regions": {"a": [1]}, "colour": 1}, "colour", id="unknown attribute"),
        pytest.param({"regions": {}}, "at least one region", id="empty"),
        pytest.param({"regions": {"a": [1], "b": [1, 2]}}, "from the outside in", id="inside out"),
        pytest.param({"regions": {"a": [1]}, "paint": {"b": 1}}, "paint names", id="paint of no region"),
        pytest.param({"regions": {"a": [0, 1]}}, "0, which is background", id="background as region"),
        pytest.param({"regions": {"a": [3]}, "file_values": {"tissue": 1}}, "every value", id="value without name"),
    ],
)
def test_wrong_schemes_are_refused_in_one_line(given, said):
    with pytest.raises(InputError, match=said) as caught:
        label_scheme(given)
    assert "\n" not in str(caught.value)


def test_paint_may_be_given():
    assert LabelScheme("x", {"a": (1, 2)}, paint={"a": 2}).paint == {"a": 2}


@pytest.mark.parametrize(
    ("name", "regions", "values"),
    [
        pytest.param("kits19", {"kidney": (1, 2), "tumour": (2,)}, (0, 1, 2), id="kits19"),
        pytest.param("msd_heart", {"left atrium": (1,)}, (0, 1), id="heart"),
        pytest.param("msd_lung", {"cancer": (1,)}, (0, 1), id="lung"),
        pytest.param("msd_spleen", {"spleen": (1,)}, (0, 1), id="spleen"),
    ],
)
def test_body_schemes_hold_the_values_of_their_files(name, regions, values):
    scheme = label_scheme(name)
    assert (scheme.regions, scheme.values) == (regions, values)
    assert [scheme.paint[region] for region in regions] == list(values[1:])
