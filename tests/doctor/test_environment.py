"""What is said of versions and of the machine."""

import json
from pathlib import Path

from segpeft.doctor.environment import check_bundle_versions, check_environment
from segpeft.doctor.resources import check_disk, check_resources
from segpeft.finding import NOTE, WARNING


def test_this_environment_is_within_its_ranges():
    findings = list(check_environment())
    assert [finding.severity for finding in findings] == [NOTE]
    assert "monai 1.6" in findings[0].text


def test_versions_that_a_bundle_was_made_with(tmp_path):
    (tmp_path / "configs").mkdir()
    said = {"monai_version": "0.1.0", "required_packages_version": {"no-such-package": "1.0"}}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(said))
    assert {(finding.severity, finding.text.split(";")[-1]) for finding in check_bundle_versions(tmp_path)} == {
        (NOTE, " the bundle was made with 0.1.0"),
        (WARNING, " the bundle was made with 1.0"),
    }


def test_more_workers_than_cores():
    texts = [finding.text for finding in check_resources({"num_workers": 10_000}) if finding.severity == WARNING]
    assert texts[0].startswith("num_workers is 10000, this process may use")


def test_a_place_that_is_there_is_no_matter(tmp_path):
    assert list(check_disk({"output_dir": str(tmp_path / "new" / "folder")}, [])) == []


def test_a_place_that_cannot_be_written():
    (finding,) = check_disk({"output_dir": str(Path("/proc/none"))}, [])
    assert finding.severity == WARNING
