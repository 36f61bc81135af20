import pytest
import torch
from monai.data import MetaTensor

from segpeft.data.label_schemes import label_scheme
from segpeft.data.regions import LabelToRegionsd, RegionsToLabeld, labels_to_regions, regions_to_labels
from segpeft.errors import InputError

LESION = {"name": "lesion", "regions": {"lesion": [1]}}


@pytest.mark.parametrize("name", ["msd", "brats", "brats2023", "msd_prostate", "prostate158"])
def test_label_to_regions_and_back_is_the_identity(name):
    scheme = label_scheme(name)
    values = torch.tensor(scheme.values)
    label = values[torch.randint(len(values), (1, 6, 5, 4), generator=torch.Generator().manual_seed(0))]
    back = regions_to_labels(labels_to_regions(label, scheme), scheme)
    assert back.dtype == torch.uint8
    assert torch.equal(back, label.to(torch.uint8))


@pytest.mark.parametrize(
    ("name", "edema", "necrosis", "enhancing"),
    [pytest.param("msd", 1, 2, 3, id="msd"), pytest.param("brats", 2, 1, 4, id="brats")],
)
def test_regions_nest(name, edema, necrosis, enhancing):
    label = torch.tensor([0, edema, necrosis, enhancing]).reshape(1, 4, 1, 1)
    regions = labels_to_regions(label, label_scheme(name))
    assert regions.dtype == torch.float32
    assert regions.flatten(1).tolist() == [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]


def test_inner_regions_win_where_a_prediction_is_not_nested():
    regions = torch.tensor([[0.0], [0.9], [0.9]]).reshape(3, 1, 1, 1)  # ET and TC without WT
    assert regions_to_labels(regions, label_scheme("brats")).item() == 4


@pytest.mark.parametrize(("name", "peripheral", "transition"), [("msd_prostate", 1, 2), ("prostate158", 2, 1)])
def test_between_regions_side_by_side_the_more_probable_one_wins(name, peripheral, transition):
    zones = torch.tensor([[0.9, 0.6, 0.7, 0.7, 0.2], [0.6, 0.9, 0.7, 0.2, 0.2]]).reshape(2, 5, 1, 1)  # PZ, TZ
    expected = [peripheral, transition, transition, peripheral, 0]
    assert regions_to_labels(zones, label_scheme(name)).flatten().tolist() == expected


def test_the_most_probable_of_three_regions_side_by_side_wins():
    scheme = label_scheme({"regions": {"all": [1, 2, 3], "a": [1], "b": [2], "c": [3]}, "paint": {"all": 1}})
    generator = torch.Generator().manual_seed(0)
    probabilities = 0.5 + 0.5 * torch.rand(4, 6, 5, 4, generator=generator)
    expected = probabilities[1:].argmax(0) + 1
    assert torch.equal(regions_to_labels(probabilities, scheme)[0].long(), expected)


def test_threshold_is_exclusive_and_settable():
    regions = torch.tensor([0.5, 0.6, 0.8]).reshape(1, 3, 1, 1)
    scheme = label_scheme(LESION)
    assert regions_to_labels(regions, scheme).flatten().tolist() == [0, 1, 1]
    assert regions_to_labels(regions, scheme, threshold=0.7).flatten().tolist() == [0, 0, 1]


def test_float_noise_is_rounded():
    label = torch.tensor([0.99999997, 2.0000002, 0.0]).reshape(1, 3, 1, 1)
    assert labels_to_regions(label, label_scheme("msd"))[0].flatten().tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param([0.0, 4.0], "values 4 are not in scheme 'msd'", id="other value"),
        pytest.param([0.0, 1.4], "values 1.4 are not", id="interpolated"),
        pytest.param([float("nan"), 1.0], "values nan", id="nan"),
    ],
)
def test_a_value_outside_the_scheme_names_file_value_and_scheme(values, said):
    label = MetaTensor(torch.tensor(values).reshape(1, 2, 1, 1), meta={"filename_or_obj": "/data/case_seg.nii.gz"})
    with pytest.raises(InputError, match=said) as caught:
        LabelToRegionsd("label", "msd")({"label": label})
    assert "/data/case_seg.nii.gz" in str(caught.value)
    assert "(0, 1, 2, 3)" in str(caught.value)


def test_transforms_keep_meta_and_leave_other_keys():
    label = MetaTensor(torch.ones(1, 2, 2, 2), affine=torch.diag(torch.tensor([2.0, 2, 2, 1])))
    regions = LabelToRegionsd(["label"], "msd")({"label": label, "case": "a"})
    back = RegionsToLabeld("label", "msd")(regions)
    assert regions["label"].shape == (3, 2, 2, 2)
    assert isinstance(back["label"], MetaTensor)
    assert back["label"].dtype == torch.uint8
    assert torch.equal(back["label"].affine, label.affine)
    assert back["case"] == "a"


def test_wrong_number_of_channels_is_refused():
    with pytest.raises(InputError, match="2 channels"):
        regions_to_labels(torch.zeros(2, 1, 1, 1), label_scheme("msd"))
    with pytest.raises(InputError, match="one channel"):
        labels_to_regions(torch.zeros(2, 1, 1, 1), label_scheme("msd"))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(InputError, match="threshold"):
        RegionsToLabeld("pred", "msd", threshold=threshold)


@pytest.mark.parametrize(("least", "value"), [(3, 1), (2, 4)], ids=["too small", "large enough"])
def test_a_region_with_too_few_voxels_becomes_the_one_around_it(least, value):
    """BraTS: fewer than 500 voxels of enhancing tumour (4) become necrosis (1), wherever the core was seen."""
    regions = torch.zeros(3, 4, 4, 4)
    regions[0, :3], regions[1, :2], regions[2, 0, 0, :2] = 0.9, 0.9, 0.9
    regions[1, 0, 0, 0] = 0.1  # the core was missed here
    label = RegionsToLabeld("pred", "brats", min_voxels={"ET": least})({"pred": regions})["pred"]
    assert label[0, 0, 0, :2].tolist() == [value, value]
    assert label[0, 1].unique().tolist() == [1]
    assert label[0, 2].unique().tolist() == [2]


def test_a_small_region_with_nothing_around_it_becomes_background():
    regions = torch.zeros(1, 2, 2, 2)
    regions[0, 0] = 1
    assert RegionsToLabeld("pred", LESION, min_voxels={"lesion": 5})({"pred": regions})["pred"].max() == 0


def test_min_voxels_of_an_unknown_region_are_refused():
    with pytest.raises(InputError, match=r"min_voxels names \['edema'\]; expected some of the regions"):
        RegionsToLabeld("pred", "msd", min_voxels={"edema": 3})
