import json
from itertools import islice

import pytest

from segpeft.data import path_list, path_tree
from segpeft.data.volume_paths import VolumePaths, is_held_out
from segpeft.errors import InputError


def tree(folder, patients=30, files=3):
    names = []
    for patient in range(patients):
        place = folder / f"site{patient % 2}" / f"p{patient}"
        place.mkdir(parents=True)
        for index in range(files):
            (place / f"{index}.nii.gz").touch()
            names.append(f"site{patient % 2}/p{patient}/{index}.nii.gz")
    return names


def listed(file, names):
    lines = [name if index % 2 else json.dumps({"image": name}) for index, name in enumerate(names)]
    file.write_text("\n".join(lines))
    return file


@pytest.fixture(params=["tree", "list"])
def place(request, tmp_path):
    names = tree(tmp_path / "set")
    return tmp_path / "set" if request.param == "tree" else listed(tmp_path / "set" / "list.jsonl", names)


def test_every_pass_has_every_name_once_in_another_order(place):
    drawn = list(islice(VolumePaths(place).endless(), 180))
    first, second = ([name for number, name in drawn if number == wanted] for wanted in (0, 1))
    assert len(first) == len(set(first)) == len(second) == 90
    assert sorted(first) == sorted(second)
    assert first != second
    assert first != sorted(first)
    assert all(name.startswith("site") for name in first)


def test_the_order_depends_on_the_seed_alone(place):
    orders = [list(islice(VolumePaths(place, seed).endless(), 100)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("position", [7, 89, 90, 200])
def test_it_goes_on_anywhere(place, position):
    paths = VolumePaths(place)
    assert list(islice(paths.endless(position), 5)) == list(islice(paths.endless(), position, position + 5))


def test_names_lead_to_files(place):
    paths = VolumePaths(place)
    assert all(place.parent.joinpath(paths.path(name)).is_file() for name in paths.names())


def test_annotations_hidden_files_and_circles_are_left_out(tmp_path):
    for name in ("p/t1.nii.gz", "p/t1_seg.nii.gz", "labelsTr/a.nii.gz", "p/._t1.nii.gz", ".hidden/a.nii", "b/T2.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "p" / "back").symlink_to(tmp_path, target_is_directory=True)
    assert sorted(VolumePaths(tmp_path).names()) == ["b/T2.nii", "p/t1.nii.gz"]
    assert len(list(VolumePaths(tmp_path, exclude=()).names())) == 4


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("unlabelled/a.nii.gz", True),
        ("site/unmasked/T1.nii", True),
        ("masked_scans/T1_masked.nii.gz", True),
        ("p/T1_seg/FLAIR.nii.gz", True),
        ("p/segmented_T1.nii.gz", True),
        ("p/length.nii.gz", True),
        ("p/segmentation.nii.gz", False),
        ("case_00000/imaging.nii.gz", True),
        ("case_00000/aggregated_MAJ_seg.nii.gz", False),
        ("case_00000/instances/kidney_instance-1_annotation-1.nii.gz", False),
        ("p/seg.nii.gz", False),
        ("p/T1-Seg.nii", False),
        ("p/aseg.nii.gz", False),
        ("p/label_2.nii.gz", False),
        ("p/brainmask.nii.gz", False),
        ("p/consensus_gt.nii.gz", False),
        ("p/GOLD_STANDARD.nii.gz", False),
        ("Task05/labelsTr/a.nii.gz", False),
        ("labelsTs/a.nii.gz", False),
        ("p/labels/deep/a.nii.gz", False),
    ],
)
def test_annotations_are_known_by_whole_words_of_their_names(tmp_path, name, kept):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    assert list(VolumePaths(tmp_path).names()) == [name] * kept


def test_a_walk_opens_folders_as_it_needs_them(tmp_path, monkeypatch):
    monkeypatch.setattr(path_tree, "POOL", 4)
    tree(tmp_path)
    opened = []
    scandir = path_tree.os.scandir
    monkeypatch.setattr(path_tree.os, "scandir", lambda place: opened.append(place) or scandir(place))
    next(VolumePaths(tmp_path).names())
    assert len(opened) <= 6  # root, two sites, two or three patients


def test_lines_are_found_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(path_list, "CHUNK", 7)
    (tmp_path / "a.txt").write_text("one.nii\n\n/abs/two.nii\nthree.nii.gz\n")
    paths = VolumePaths(tmp_path / "a.txt")
    assert sorted(paths.names()) == ["/abs/two.nii", "one.nii", "three.nii.gz"]
    assert paths.path("/abs/two.nii") == "/abs/two.nii"
    assert paths.path("one.nii") == str(tmp_path / "one.nii")


@pytest.mark.parametrize("name", ["absent", "empty", "list.txt", "other.csv"])
def test_a_place_without_volumes_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").touch()
    (tmp_path / "other.csv").touch()
    with pytest.raises(InputError, match=name) as caught:
        VolumePaths(tmp_path / name).prepare()
    assert "\n" not in str(caught.value)


def test_held_out_names_are_a_share_and_stay_the_same():
    names = [f"p{index}/t1.nii.gz" for index in range(4000)]
    held = [name for name in names if is_held_out(name, 0.1)]
    assert 300 < len(held) < 500
    assert {name for name in names if is_held_out(name, 0.05)} < set(held)
    assert not [name for name in names if is_held_out(name, 0.0)]
