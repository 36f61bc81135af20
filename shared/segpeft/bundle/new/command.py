"""The command line of `new`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from tqdm import tqdm

from segpeft.bundle.checks.metadata import OTHER_TASKS
from segpeft.data.survey import look_at
from segpeft.errors import InputError

from .card import licence_note, make_card, remarks
from .choice import choices_table
from .commands import commands, pretraining_commands
from .config_text import config_text
from .configs import make_configs, make_metadata
from .looking import sampled, seen
from .place import Place, find_place
from .plain_names import file_name
from .plan import METHODS, Plan, Wishes, make_plan
from .scale import SCALES
from .summary import Summary, summarize
from .templates import TEMPLATES, template_root
from .writing import new_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `new` takes."""
    parser.add_argument("--dataset", type=Path, required=True, metavar="PATH", help="folder, dataset.json or datalist")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    parser.add_argument(
        "--pretrained_encoder", type=Path, metavar="FILE", help="weights; else one is to be pre-trained"
    )
    parser.add_argument("--channels", nargs="+", default=[], metavar="NAME", help="if the files do not tell")
    parser.add_argument("--label_file", metavar="NAME", help="name of the label in case folders, if it is not clear")
    parser.add_argument("--scale", choices=(*SCALES, "auto"), default="auto", help="for which machine (auto: this one)")
    parser.add_argument("--memory", type=float, default=8.0, metavar="GB", help="that a step may keep (default: 8)")
    parser.add_argument("--most", type=int, default=100, metavar="N", help="cases to open at most (default: 100)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that open them (default: 0)")
    parser.add_argument("--template", type=Path, metavar="DIR", help="folder with the bundles to start from")
    parser.add_argument("--force", action="store_true", help="replace configs and docs of a bundle that is there")


def run(asked: argparse.Namespace) -> int:
    """Writes a bundle and says what was chosen.

    Raises:
        InputError: the data set, the place or a choice is not possible.
    """
    if asked.most < 1 or asked.memory <= 0:
        raise InputError(f"--most {asked.most} and --memory {asked.memory:g}: expected numbers above 0")
    _check_name(asked.out.name)
    templates = template_root(asked.template)
    with new_folder(asked.out, asked.force) as folder:
        place = find_place(asked.dataset, asked.channels, asked.label_file)
        cases = sampled(place.labelled, asked.most)
        print(
            f"{place.source}: {place.layout}; opening {len(cases)} of {len(place.labelled)} labelled cases", flush=True
        )
        looked = tqdm(look_at(cases, seen, asked.workers), total=len(cases), unit="case", disable=None)
        summary = summarize(place, list(looked))
        plan = make_plan(place, summary, _wishes(asked))
        _write(folder, file_name(asked.out.name), templates, asked.method, place, summary, plan)
    _say(asked, place, summary, plan)
    return 0


def _check_name(name: str) -> None:
    wrong = next((word for word in ("_v", *OTHER_TASKS) if word in name.replace("vit", "")), None)
    if wrong:
        raise InputError(
            f"--out .../{name}: MONAI's tools read {wrong} in a bundle's name as something else; rename it"
        )


def _wishes(asked: argparse.Namespace) -> Wishes:
    machine = "gpu" if torch.cuda.is_available() else "cpu"
    scale = SCALES[machine if asked.scale == "auto" else asked.scale]
    return Wishes(asked.method, scale, asked.memory, asked.pretrained_encoder)


def _write(folder: Path, name: str, templates: Path, method: str, place: Place, summary: Summary, plan: Plan) -> None:
    source = templates / TEMPLATES[method]
    (folder / "configs").mkdir()
    (folder / "docs").mkdir()
    title = f"{place.title} with {'channel-wise LoRA' if method == METHODS[0] else 'Med-Tuning'}"
    metadata = make_metadata(templates, method, title, plan, place.title)
    for file, content in {**make_configs(templates, method, name, plan), "metadata.json": metadata}.items():
        (folder / "configs" / file).write_text(config_text(content), encoding="utf-8")
    shutil.copyfile(source / "configs" / "logging.conf", folder / "configs" / "logging.conf")
    for file in ("LICENSE", "large_files.yml"):
        shutil.copyfile(source / file, folder / file)
    card = make_card(place, summary, plan, method, title)
    (folder / "docs" / "README.md").write_text(card, encoding="utf-8")
    (folder / "docs" / "data_license.txt").write_text(licence_note(place), encoding="utf-8")


def _say(asked: argparse.Namespace, place: Place, summary: Summary, plan: Plan) -> None:
    print(f"\n{choices_table(plan.training)}\n")
    for line in remarks(place, summary):
        print(f"remark: {line}")
    data = asked.dataset.resolve()
    print(f"{asked.out}: written; its card, docs/README.md, has TODO where it needs you. From inside it:\n")
    encoder = asked.pretrained_encoder.resolve() if asked.pretrained_encoder else None
    first = pretraining_commands(data, place) if plan.pretraining else []
    print("\n".join([*first, *commands(data, encoder, place.judged)]))
