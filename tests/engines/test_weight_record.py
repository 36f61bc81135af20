import hashlib

import pytest

from segpeft.engines.weight_record import first_other_file, weight_record


def test_files_by_content_and_absent_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert weight_record(["a.pt", None, tmp_path / "b.pt"]) == [
        {"path": str(tmp_path / "a.pt"), "bytes": 7, "sha256": digest},
        {"path": str(tmp_path / "b.pt"), "bytes": None, "sha256": None},
    ]


def files(*digests: str) -> list[dict]:
    return [{"path": f"{place}.pt", "sha256": digest} for place, digest in enumerate(digests)]


@pytest.mark.parametrize(
    ("known", "found", "expected"),
    [
        (files("a", "b"), files("a", "b"), None),
        (files("a", "b"), files("a", "c"), "1.pt"),
        (files("a"), files("a", "c"), "1.pt"),
        (files("a", "b"), files("a"), "1.pt"),
        ([], [], None),
    ],
    ids=["same", "other", "one more", "one fewer", "none"],
)
def test_the_first_that_differs(known, found, expected):
    assert first_other_file(known, found) == expected
