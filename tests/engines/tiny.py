"""A network, data and engines small enough to train within a test."""

from __future__ import annotations

import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, RandFlipd, RandGaussianNoised
from torch import nn

from segpeft.engines import Evaluator, RegionDice, RegionDiceBCELoss, Trainer

SCHEME = {"name": "two", "regions": {"whole": [1, 2], "core": [2]}}


def network(seed: int = 0) -> nn.Sequential:
    """Two convolutions with dropout between, a frozen first one; 2 channels to 2 regions."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.Conv3d(4, 2, 1))
    net[0].requires_grad_(False)
    return net


def cases(count: int = 4, size: int = 6) -> list[dict]:
    """Volumes in which the label can be read off the image."""
    generator = torch.Generator().manual_seed(3)
    made = []
    for index in range(count):
        image = torch.randn(2, size, size, size, generator=generator)
        label = torch.stack([image[0] > 0, (image[0] > 0) & (image[1] > 0)]).float()
        made.append({"image": image, "label": label, "case": f"case{index}"})
    return made


def loader(count: int = 4, workers: int = 0, random: bool = True, batch_size: int = 1) -> DataLoader:
    """Shuffled and augmented for training, plain for validation."""
    keys = ["image", "label"]
    augment = Compose([RandFlipd(keys, prob=0.5, spatial_axis=0), RandGaussianNoised(["image"], prob=0.9, std=0.3)])
    dataset = Dataset(cases(count), augment if random else None)
    return DataLoader(dataset, batch_size=batch_size, shuffle=random, num_workers=workers)


def validator(net: nn.Module, data: object = None, **options: object) -> Evaluator:
    """Validation by Dice."""
    return Evaluator(
        device="cpu",
        val_data_loader=loader(2, random=False) if data is None else data,
        network=net,
        postprocessing=Compose([_Sigmoid()]),
        key_val_metric={"dice": RegionDice(SCHEME)},
        **options,
    )


def trainer(
    net: nn.Module, optimizer: torch.optim.Optimizer, handlers: list | None = None, **options: object
) -> Trainer:
    """Training with the loss of the project."""
    defaults = {"device": "cpu", "max_epochs": 2, "train_data_loader": loader(), "loss_function": RegionDiceBCELoss()}
    return Trainer(network=net, optimizer=optimizer, train_handlers=handlers, **{**defaults, **options})


def adam(net: nn.Module, lr: float = 0.01) -> torch.optim.Adam:
    """Adam over what is trainable."""
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr)


class _Sigmoid:
    def __call__(self, data: dict) -> dict:
        return {**data, "pred": data["pred"].sigmoid()}
