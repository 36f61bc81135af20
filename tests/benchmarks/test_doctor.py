"""Every planted fault is found, nothing else is claimed, and the tables are written."""

import pytest

from benchmarks.doctor.faults import FAULTS
from benchmarks.doctor.planted import judged, plant
from segpeft.doctor.dataset import check_dataset
from segpeft.doctor.expected import expected_by_set


@pytest.mark.slow
def test_all_ten_are_found_and_nothing_else(tmp_path):
    plant(tmp_path / "set")
    found = judged(list(check_dataset(tmp_path / "set", expected_by_set(tmp_path / "set"))))
    assert [row["fault"] for row in found["faults"] if not row["found"]] == []
    assert len(found["faults"]) == len(FAULTS) == 10
    assert found["other claims"] == []
