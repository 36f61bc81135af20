"""`vit_mae`: any folder of volumes in, an encoder file out."""

from __future__ import annotations

import json
import shutil

import matplotlib.image
import pytest
import torch
from ignite.engine import Events
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.bundles.runs import PRETRAINING, PRETRAINING_SWIN, outputs, refusal, run, workflow


def test_it_leaves_an_encoder_and_a_report(pretrained):
    encoder, folder = pretrained
    assert all(value.dtype == torch.float32 for value in load_file(encoder).values())
    report = json.loads((folder / "out" / "run.json").read_text())
    assert report["epochs"] == 2
    assert report["iterations"] == 2 * 3
    assert 0 < report["best_metric"] < 2
    assert sorted(path.name for path in folder.glob("models/pretrained/*")) == [
        "encoder.safetensors",
        "encoder_best.safetensors",
    ]
    assert sorted(path.name for path in (folder / "models").iterdir()) == ["model.pt", "pretrained"]


def test_inference_shows_what_the_network_reconstructs(pretrained, phantoms, tmp_path):
    _, folder = pretrained
    knobs = {name: PRETRAINING[name] for name in ("image_size", "encoder", "decoder", "num_workers")}
    made = {"ckpt_path": folder / "models" / "model.pt", "output_dir": tmp_path / "out", "volumes_used": 5}
    run("vit_mae", "inference", run_id="inference", dataset_dir=phantoms / "imagesTr", **knobs, **made)
    assert (tmp_path / "out" / "reconstruction_0001.png").is_file()
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert 0 < report["metrics"]["reconstruction"] < 2
    assert report["iterations"] == 2  # five volumes, four a batch
    message = refusal(
        run, "vit_mae", "inference", dataset_dir=phantoms, **{**knobs, **made, "image_size": [16, 16, 16]}
    )
    assert "decoder_pos_embedding" in message


def test_it_takes_slices_as_well(phantoms, tmp_path):
    knobs = {**PRETRAINING, "epochs": 1, "image_size": [32, 16], "encoder#patch_size": [8, 8]}
    run("vit_mae", "train", dataset_dir=phantoms, **knobs, **outputs(tmp_path))
    state = load_file(tmp_path / "models" / "pretrained" / "encoder.safetensors")
    assert state["patch_embedding.patch_embeddings.weight"].shape == (24, 1, 8, 8)


def test_longer_training_lowers_the_loss(phantoms, tmp_path):
    knobs = {**PRETRAINING, "epochs": 12, "max_lr": 0.01}
    run("vit_mae", "train", dataset_dir=phantoms, **knobs, **outputs(tmp_path))
    losses = [event.value for event in EventAccumulator(str(tmp_path / "out")).Reload().Scalars("train/loss")]
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])


def test_held_out_loss_of_a_swin_falls_and_is_pictured(phantoms, tmp_path):
    knobs = {**PRETRAINING_SWIN, "epochs": 10, "max_lr": 0.01, "picture_interval": 10}
    run("vit_mae", "train", "train_swin", dataset_dir=phantoms, **knobs, **outputs(tmp_path))
    events = EventAccumulator(str(tmp_path / "out")).Reload()
    losses = [event.value for event in events.Scalars("validation/reconstruction")]
    assert len(losses) == 10
    assert losses[-1] < 0.9 * losses[0]
    assert (tmp_path / "out" / "reconstruction_0010.png").is_file()
    encoder = tmp_path / "models" / "pretrained" / "encoder.safetensors"
    assert load_file(encoder)["patch_embed.proj.weight"].shape == (6, 1, 2, 2)


class InterruptionError(Exception):
    """Stands for whatever ends a run between two steps."""


KINDS = pytest.mark.parametrize(
    ("names", "settings"),
    [
        pytest.param(("train",), PRETRAINING, id="vit"),
        pytest.param(("train", "train_swin"), PRETRAINING_SWIN, id="swin"),
    ],
)


@KINDS
def test_resumed_pretraining_ends_where_an_uninterrupted_one_does(names, settings, phantoms, tmp_path):
    whole, parts = outputs(tmp_path / "whole"), outputs(tmp_path / "parts")
    run("vit_mae", *names, dataset_dir=phantoms, **settings, **whole)
    made = workflow("vit_mae", *names, dataset_dir=phantoms, **settings, **parts)
    trainer = made.parser.get_parsed_content("train#trainer")

    @trainer.on(Events.ITERATION_COMPLETED(once=5))  # in the second epoch
    def _(engine):
        raise InterruptionError

    with pytest.raises(RuntimeError) as caught:
        made.run()
    assert isinstance(caught.value.__cause__, InterruptionError)
    run("vit_mae", *names, dataset_dir=phantoms, resume=True, **settings, **parts)
    ends = [load_file(where["model_dir"] / "pretrained" / "encoder.safetensors") for where in (whole, parts)]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"masking_ratio": 1.0}, "masking_ratio"),
        ({"image_size": [30, 32, 16]}, "image_size"),
        ({"decoder#decoder_hidden_size": 16}, "decoder_hidden_size"),
        ({"decoder#decoder_num_heads": 5}, "decoder_num_heads"),
        ({"epochs": 0}, "epochs"),
        ({"max_lr": -1.0}, "max_lr"),
        ({"epoch_length": 0}, "epoch_length"),
        ({"warmup": 1.0}, "warmup"),
        ({"modality": "pet"}, "modality"),
        ({"ct_window": [100, -100]}, "ct_window"),
        ({"validation_share": 1.0}, "validation_share"),
        ({"picture_interval": 0}, "picture_interval"),
        ({"distance": "l3"}, "distance"),
        ({"mask_unit": [8, 8, 8]}, "mask_unit"),
        ({"encoder#kind": "cnn"}, "kind"),
        ({"shuffle_buffer": 0}, "shuffle_buffer"),
        ({"batch_size": 0}, "batch_size"),
        ({"crops_per_volume": 0}, "num_samples"),
        ({"seed": -1}, "seed"),
        ({"dataset_dir": "/no/such/folder"}, "/no/such/folder"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_knobs_out_of_range(knobs, expected, phantoms, tmp_path):
    options = {**PRETRAINING, "dataset_dir": phantoms, **outputs(tmp_path), **knobs}
    assert expected in refusal(run, "vit_mae", "train", **options)
    assert not (tmp_path / "models").exists()


def test_pictures_show_held_out_volumes(phantoms, tmp_path):
    knobs = {**PRETRAINING, "picture_interval": 2}
    run("vit_mae", "train", dataset_dir=phantoms, **knobs, **outputs(tmp_path))
    pictures = [path.name for path in (tmp_path / "out").glob("reconstruction_*.png")]
    assert pictures == ["reconstruction_0002.png"]
    height, width = matplotlib.image.imread(tmp_path / "out" / pictures[0]).shape[:2]
    assert width == 3 * 32 * 7  # each of the three panels magnified to 200 pixels at least
    assert height % (32 * 7) == 0


def test_damaged_files_among_others_are_listed(phantoms, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(phantoms / "imagesTr", tree / "images")
    (tree / "broken.nii.gz").write_bytes(b"damaged")
    (tree / "images" / "short.nii.gz").write_bytes(next((tree / "images").glob("*.nii.gz")).read_bytes()[:5000])
    knobs = {**PRETRAINING, "epoch_length": 8, "validation_share": 0.0}
    run("vit_mae", "train", dataset_dir=tree, **knobs, **outputs(tmp_path))
    lines = (tmp_path / "out" / "skipped.txt").read_text().splitlines()
    assert len(lines) == 2
    assert all(any(name in line for line in lines) for name in ("broken.nii.gz", "short.nii.gz"))


def test_nothing_but_damaged_files(tmp_path):
    for index in range(5):
        (tmp_path / f"{index}.nii.gz").write_bytes(b"damaged")
    message = refusal(run, "vit_mae", "train", dataset_dir=tmp_path, **PRETRAINING, **outputs(tmp_path))
    assert f"{tmp_path}: no usable volume in" in message


def test_the_set_may_be_a_list(phantoms, tmp_path):
    listed = tmp_path / "volumes.txt"
    listed.write_text("".join(f"{path}\n" for path in sorted((phantoms / "imagesTr").glob("*.nii.gz"))))
    run("vit_mae", "train", dataset_dir=listed, **{**PRETRAINING, "num_workers": 2}, **outputs(tmp_path))
    assert (tmp_path / "models" / "pretrained" / "encoder.safetensors").is_file()


def test_an_empty_folder(tmp_path):
    (tmp_path / "nothing").mkdir()
    message = refusal(run, "vit_mae", "train", dataset_dir=tmp_path / "nothing", **PRETRAINING, **outputs(tmp_path))
    assert str(tmp_path / "nothing") in message
    assert "no volumes" in message
