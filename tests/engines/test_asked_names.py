"""Which names of a config are known: those of all configs beside it, JSON or YAML."""

import pytest

from segpeft.engines.asked_names import check_asked_names
from segpeft.engines.running_config import RunningConfig
from segpeft.errors import InputError


def config(folder, workflow=True, **entries):
    content = {"bundle_root": str(folder), **entries}
    return RunningConfig(content, workflow_ids=("training",) if workflow else ())


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.yaml").write_text("epochs: 3\nevaluating: ['$1']\n")
    (tmp_path / "configs" / "metadata.json").write_text('{"version": "1"}')
    return tmp_path


def test_names_of_yaml_files_are_known(bundle):
    check_asked_names(config(bundle, epochs=3, evaluating=["$1"], training=["$2"]))


def test_a_broken_file_beside_refuses_no_run(bundle):
    (bundle / "configs" / "half.json").write_text('{"epochs": ')
    check_asked_names(config(bundle, epochs=3))
    with pytest.raises(InputError, match="epoch is no knob of .* did you mean epochs"):
        check_asked_names(config(bundle, epoch=3))


def test_a_program_may_put_anything_in(bundle):
    check_asked_names(config(bundle, workflow=False, epoch=3))
