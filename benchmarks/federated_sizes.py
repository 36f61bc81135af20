"""Bytes of an update beside those of the whole network, of the bundles as they are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai.bundle import ConfigParser

from benchmarks.evaluating import ROOT
from segpeft.markdown import markdown_table
from segpeft.peft import adapter_bytes

SHIPPED = ("brats_lora", "prostate_lora", "kits_medtuning")


def shipped_sizes() -> dict[str, dict[str, int]]:
    """Builds the network of each bundle and returns bytes: ``backbone_peft``, ``task_head``, ``full_bytes``."""
    sizes = {}
    for bundle in SHIPPED:
        parser = ConfigParser()
        parser.read_config(str(ROOT / "bundles" / bundle / "configs" / "train.json"))
        network = parser.get_parsed_content("network_def")
        whole = sum(value.numel() * value.element_size() for value in network.state_dict().values())
        sizes[bundle] = {**adapter_bytes(network), "full_bytes": whole}
    return sizes


def sizes_table(sizes: Mapping[str, Mapping[str, int]]) -> str:
    """Returns a Markdown table of what goes each way in a round, for one site."""
    head = ["bundle as shipped", "adapters (MB)", "decoder and head (MB)", "whole network (MB)", "update / whole"]
    return markdown_table(head, [_line(name, size) for name, size in sizes.items()], texts=1)


def _line(name: str, size: Mapping[str, int]) -> list[Any]:
    parts = [size["backbone_peft"], size["task_head"]]
    shown = [f"{value / 1e6:.1f}" for value in (*parts, size["full_bytes"])]
    return [name, *shown, f"{sum(parts) / size['full_bytes']:.3f}"]
