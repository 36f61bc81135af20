import json

import pytest

from segpeft.data.volume_list import main
from segpeft.errors import InputError


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "scans"
    for name in ("a/x.nii.gz", "a/x_seg.nii.gz", "y.nii"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    datalist = tmp_path / "split.json"
    training = [{"image": "images/c1.nii.gz", "fold": 0}, {"image": ["c2_T2.nii.gz", "c2_ADC.nii.gz"], "fold": 1}]
    content = {"modality": {"0": "T2"}, "training": training, "testing": [{"image": "images/t1.nii.gz"}]}
    datalist.write_text(json.dumps(content))
    return folder, datalist


def test_lists_folders_and_datalists_without_labels_and_test_cases(sources, tmp_path):
    out = tmp_path / "list.txt"
    main([*map(str, sources), "--out", str(out)])
    found = [line.removeprefix(f"{tmp_path.resolve()}/") for line in out.read_text().splitlines()]
    expected = ["scans/a/x.nii.gz", "scans/y.nii", "images/c1.nii.gz", "c2_T2.nii.gz", "c2_ADC.nii.gz"]
    assert found == expected


def test_test_cases_are_left_out_of_folders_too_and_nothing_is_listed_twice(sources, tmp_path):
    folder, datalist = sources
    content = json.loads(datalist.read_text())
    content["training"].append({"image": str(folder / "y.nii"), "fold": 0})
    content["testing"].append({"image": str(folder / "a" / "x.nii.gz")})
    datalist.write_text(json.dumps(content))
    main([str(folder), str(datalist), str(folder), "--out", str(tmp_path / "list.txt")])
    names = [line.rpartition("/")[2] for line in (tmp_path / "list.txt").read_text().splitlines()]
    assert names == ["y.nii", "c1.nii.gz", "c2_T2.nii.gz", "c2_ADC.nii.gz"]


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        pytest.param("gone", "list.txt", "gone: no such folder", id="no source"),
        pytest.param("scans", "list.json", "expected a name that ends in .txt", id="another ending"),
    ],
)
def test_errors_leave_no_file(sources, tmp_path, source, out, message):
    with pytest.raises(InputError, match=message):
        main([str(tmp_path / source), "--out", str(tmp_path / out)])
    assert not (tmp_path / out).exists()
