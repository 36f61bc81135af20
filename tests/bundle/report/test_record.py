import json

import pytest

from segpeft.bundle.report.record import CaseFiles, Record, read_record
from segpeft.errors import InputError
from tests.bundle.report.evaluations import write_record


def test_cases_of_all_sections(tmp_path):
    one = {"case": "a", "image": "/data/a.nii.gz", "label": "/data/a_label.nii.gz"}
    other = {"case": "b", "image": ["f.nii.gz", "", "t.nii.gz"], "label": None}
    broken = {"case": "c", "image": None, "label": None, "problem": "no such file"}
    write_record(tmp_path, data={"training": [one], "evaluation": [other, broken], "sha256": "0"}, directory="/here")
    record = read_record(tmp_path)
    assert record.cases["a"] == CaseFiles(("/data/a.nii.gz",), "/data/a_label.nii.gz")
    assert record.cases["b"] == CaseFiles(("/here/f.nii.gz", "", "/here/t.nii.gz"), None)
    assert record.cases["c"] == CaseFiles((), None)


@pytest.mark.parametrize(
    "content",
    [{}, {"config": None, "data": None, "git": None, "versions": []}, {"data": {"evaluation": ["a", 1]}}],
    ids=["empty", "nulls", "other-entries"],
)
def test_whatever_is_missing_is_empty(tmp_path, content):
    (tmp_path / "record.json").write_text(json.dumps(content))
    record = read_record(tmp_path)
    assert record.config == record.mapping("git") == record.mapping("versions") == {}
    assert record.text("bundle") == ""
    assert record.cases == {}


def test_no_record(tmp_path):
    assert read_record(tmp_path) == Record()


def test_damaged_record(tmp_path):
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(InputError, match="record.json"):
        read_record(tmp_path)
