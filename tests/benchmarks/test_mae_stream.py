"""The measurement of the stream, on a set that is small enough for a test."""

import json

import pytest

from benchmarks.mae_stream import probe, write_sets


@pytest.mark.parametrize("kind", ["list", "tree"])
def test_the_probe_reads_both_kinds(tmp_path, capsys, kind):
    listed, tree = write_sets(tmp_path, 40)
    assert len(listed.read_text().splitlines()) == len(list(tree.rglob("*.nii.gz"))) == 40
    probe({"list": listed, "tree": tree}[kind])
    found = json.loads(capsys.readouterr().out)
    assert found["rank"] == 0
    assert 0 < found["first_batch_seconds"] < 60
    assert min(found["resident_before_mb"], found["resident_after_52_batches_mb"]) > 50
