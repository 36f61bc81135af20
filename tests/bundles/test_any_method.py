"""Every method in every bundle that segments, by the knob `method` alone: a name, or a file with its values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segpeft.peft import known_methods
from tests.bundles.runs import SEGMENTING, SHORT, outputs, run
from tests.peft.methods import SHIPPED

DATA = {"brats_lora": "phantoms", "prostate_lora": "zones", "kits_medtuning": "abdomens"}
BY_ITSELF = {"adapter_drop": {"drop": 1}, "compacter": {"reduction": 2, "terms": 2}, "ladder": {"reduction": 2}}
"""Values that suit backbones as small as those of the tests."""
CHANNELS = {"brats_lora": 4, "prostate_lora": 2}
CELLS = [
    pytest.param(bundle, name, id=f"{bundle}-{name}")
    for bundle in SEGMENTING
    for name in SHIPPED
    if name != "channel_lora" or bundle in CHANNELS  # slices have no channels of their own: see ONE_IMAGE_A_ROW
]


@pytest.mark.parametrize(("bundle", "name"), CELLS)
def test_it_trains_for_an_epoch(bundle: str, name: str, request, tmp_path: Path) -> None:
    knobs = dict(BY_ITSELF.get(name, {}))
    if name == "channel_lora":
        knobs["channels"] = CHANNELS[bundle]
    method: str = name
    if knobs:
        (tmp_path / "method.json").write_text(json.dumps({"method": name, **knobs}))
        method = str(tmp_path / "method.json")
    settings = {**SEGMENTING[bundle], **SHORT, "folds": 2, "epochs": 1, "num_workers": 0, "method": method}
    run(bundle, "train", dataset_dir=request.getfixturevalue(DATA[bundle]), **settings, **outputs(tmp_path))
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    whole = known_methods()[name].trains_backbone
    assert (report["parameters"]["trainable"] == report["parameters"]["total"]) == whole
    assert (tmp_path / "models" / "model.pt").is_file()
