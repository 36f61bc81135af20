import pytest

from segpeft.bundle.case_scores import CaseRow, read_rows, read_scores
from segpeft.errors import InputError

CSV = """case,region,dice,hd95,truth_voxels,pred_voxels,policy
one,WT,0.8,3,10,10,
one,TC,0.4,5,10,10,
two,WT,0.6,1,10,10,
two,TC,1,0,0,0,both_empty
"""


def test_reads_metrics_by_region_and_case(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(CSV)
    scores = read_scores(path, ["dice"])
    assert list(scores) == ["dice"]
    assert scores["dice"]["WT"] == {"one": 0.8, "two": 0.6}
    assert scores["dice"]["mean"] == pytest.approx({"one": 0.6, "two": 0.8})


def test_a_case_without_a_region_has_no_mean(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(CSV + "three,WT,0.1,9,10,10,\n")
    assert set(read_scores(path, ["dice"])["dice"]["mean"]) == {"one", "two"}


def test_rows_tell_sizes_and_policy(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(CSV)
    assert read_rows(path)[-1] == CaseRow("two", "TC", {"dice": 1.0, "hd95": 0.0}, 0, 0, "both_empty")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(CSV, "has no column 'ece'", id="metric"),
        pytest.param("a,b\n1,2\n", "expected case and region", id="another-table"),
        pytest.param(CSV.replace("0.4", "high"), "no number", id="text"),
        pytest.param(CSV.replace("one", "Zoë"), "is no table", id="another-encoding"),
        pytest.param(CSV + "three,WT\n", "no number", id="cut-line"),
    ],
)
def test_wrong_tables(tmp_path, text, message):
    path = tmp_path / "cases.csv"
    if text:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        read_scores(path, ["ece"])
