"""A frozen backbone is in evaluation mode while the rest of its network trains."""

import pytest
import torch
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.engines import FrozenEval
from segpeft.peft import DecoderOnly, Full, LoRA, apply_peft
from tests.engines.tiny import adam, trainer


class Noisy(nn.Module):
    """A 2D ViT with dropout, of which a step sees the middle slice."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = ViT(2, (6, 6), (3, 3), 12, 16, 2, 2, dropout_rate=0.5, spatial_dims=2)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(12, 2)
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, x):
        tokens, _ = self.vit(x[..., 3])
        self.seen.append((x[..., 3], tokens.detach()))
        logits = self.head(self.dropout(tokens)).transpose(1, 2).unflatten(2, (2, 2))
        return nn.functional.interpolate(logits, size=(6, 6))[..., None].expand(-1, -1, -1, -1, 6)


@pytest.mark.parametrize(
    ("method", "quiet"),
    [(DecoderOnly(), True), (LoRA(rank=2, dropout=0.5), True), (Full(), False)],
    ids=["decoder_only", "lora", "full"],
)
def test_noise_of_the_backbone(method, quiet):
    net = apply_peft(Noisy(), method)
    assert set(net.peft.frozen_modules) <= {name for name, _ in Noisy().named_modules()}
    engine = trainer(net, adam(net, lr=0.0), [FrozenEval(net)], max_epochs=1)
    engine.run()
    assert net.dropout.training
    net.eval()
    with torch.no_grad():
        same = [torch.allclose(net.vit(image)[0], tokens, atol=1e-6) for image, tokens in net.seen]
    assert set(same) == {quiet}
    net.train()
    assert any(module.training for module in net.vit.modules() if isinstance(module, nn.Dropout))
