import pytest

from segpeft.errors import InputError
from segpeft.experiments.scores import over_seeds, read_scores

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(CSV, "has no column 'ece'", id="metric"),
    ],
)
def test_wrong_tables(tmp_path, text, message):
    path = tmp_path / "cases.csv"
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_scores(path, ["ece"])


def test_over_seeds_averages_each_case():
    cells = [{"scores": {"dice": {"WT": {"x": 0.2, "y": 1.0}}}}, {"scores": {"dice": {"WT": {"x": 0.4}}}}]
    assert over_seeds(cells, "dice", "WT") == pytest.approx({"x": 0.3, "y": 1.0})
