"""What the demonstration does, as commands that a person could type."""

from __future__ import annotations

from pathlib import Path

from segpeft.bundle.command import bundle_command
from segpeft.bundle.steps import Step

SHAPE = ("96", "96", "64")
"""Voxels of a phantom: the whole head in 2.5 x 2.5 x 2.4 mm voxels."""


def plan(bundles: Path, out: Path) -> list[Step]:
    """Returns the steps: three data sets, pre-training, training, evaluation, inference."""
    return [
        _phantoms(bundles, out, "unlabelled", cases=16, seed=2, options=("--unlabelled",)),
        _phantoms(bundles, out, "labelled", cases=24, seed=0),
        _phantoms(bundles, out, "unseen", cases=4, seed=1),
        *_runs(bundles, out),
    ]


def _phantoms(bundles: Path, out: Path, name: str, cases: int, seed: int, options: tuple[str, ...] = ()) -> Step:
    folder = out / "data" / name
    command = ["-m", "segpeft.data.phantoms", "brain", "--cases", str(cases), "--seed", str(seed)]
    command += ["--workers", "2", "--shape", *SHAPE, "--out", str(folder), *options]
    return Step(f"phantoms {name}", command, bundles, [], folder / "dataset.json")


def _runs(bundles: Path, out: Path) -> list[Step]:
    encoder = out / "pretraining" / "pretrained" / "encoder.safetensors"
    model = out / "training" / "model.pt"
    mae, brats = bundles / "vit_mae", bundles / "brats_lora"
    common = {"model_dir": model.parent, "cache_dir": out / "cache"}

    def step(name: str, bundle: Path, run_id: str, configs: list[str], result: Path, **overrides: object) -> Step:
        command = bundle_command(run_id, configs, {**overrides})
        return Step(
            name, command, bundle, [*(bundle / "configs" / config for config in configs), *_before(name)], result
        )

    def _before(name: str) -> list[Path]:
        return {"training": [encoder], "evaluation": [model], "inference": [model]}.get(name, [])

    unseen = out / "data" / "unseen"
    return [
        step(
            "pretraining",
            mae,
            "training",
            ["train.json", "demo.json"],
            encoder,
            dataset_dir=out / "data" / "unlabelled",
            model_dir=encoder.parent.parent,
            output_dir=out / "pretraining",
            cache_dir=out / "cache",
        ),
        step(
            "training",
            brats,
            "training",
            ["train.json", "demo.json"],
            model,
            dataset_dir=out / "data" / "labelled",
            output_dir=out / "training",
            pretrained_encoder=encoder,
            **common,
        ),
        step(
            "evaluation",
            brats,
            "evaluating",
            ["train.json", "evaluate.json", "demo.json"],
            out / "evaluation" / "cases.csv",
            dataset_dir=unseen,
            section="all",
            output_dir=out / "evaluation",
            **common,
        ),
        step(
            "inference",
            brats,
            "run",
            ["inference.json", "demo.json"],
            out / "inference",
            dataset_dir=unseen,
            output_dir=out / "inference",
            ckpt_path=model,
        ),
    ]
