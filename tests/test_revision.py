import subprocess
from pathlib import Path

import pytest

from segpeft.revision import revision_of


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "a")
    return tmp_path


def test_revision_of_a_tracked_file(repository):
    revision = git(repository, "rev-parse", "HEAD")
    assert revision_of([repository / "code.py"]) == {"revision": revision, "dirty": False}
    (repository / "results.txt").write_text("untracked files are no change")
    assert revision_of([repository / "results.txt", repository / "code.py"]) == {"revision": revision, "dirty": False}
    (repository / "code.py").write_text("a = 2\n")
    assert revision_of([repository / "code.py"]) == {"revision": revision, "dirty": True}


def test_none_of_what_git_does_not_track(repository, tmp_path_factory):
    (repository / "installed.py").touch()
    outside = tmp_path_factory.mktemp("outside")
    assert revision_of([repository / "installed.py", outside / "a.py", outside / "absent" / "a.py"]) is None


def test_without_git(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "absent"))
    assert revision_of([repository / "code.py"]) is None
