import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

from segpeft.engines import Evaluator, ReconstructionLoss, ReconstructionPicture, image_as_target, lower_is_better
from segpeft.engines.reconstruction_picture import reconstruction
from segpeft.errors import InputError
from segpeft.networks import MaskedReconstructionLoss
from segpeft.networks.masked_autoencoder import to_patches

PATCH = (4, 4, 4)


class HalfHidden(nn.Module):
    """Predicts 0 everywhere, under a mask drawn anew at every call."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.masks = []

    def forward(self, image):
        patches = to_patches(image, PATCH)
        self.masks.append((torch.rand(patches.shape[:2]) > 0.5).int())
        return torch.zeros_like(patches), self.masks[-1]


def evaluator(net, handlers=(), metric=None):
    generator = torch.Generator().manual_seed(0)
    data = [{"image": torch.randn(size, 1, 8, 8, 8, generator=generator)} for size in (3, 3, 1)]
    return Evaluator(
        device="cpu",
        val_data_loader=data,
        network=net,
        prepare_batch=image_as_target,
        key_val_metric={"reconstruction": metric or ReconstructionLoss(MaskedReconstructionLoss(PATCH))},
        metric_cmp_fn=lower_is_better,
        val_handlers=list(handlers),
        decollate=False,
    )


def test_every_validation_hides_the_same_patches_and_leaves_the_random_state():
    net = HalfHidden()
    engine = evaluator(net)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    engine.run(1)
    assert torch.equal(torch.get_rng_state(), before)
    first = engine.state.metrics["reconstruction"]
    torch.manual_seed(4)
    engine.run(2)
    assert engine.state.metrics["reconstruction"] == first
    assert torch.equal(net.masks[0], net.masks[3])
    assert first == pytest.approx(1, abs=0.1)  # patches of unit variance against 0
    assert engine.state.best_metric_epoch == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_random_state_of_a_gpu_is_left_too():
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    evaluator(HalfHidden()).run(1)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_batches_count_by_their_size():
    metric = ReconstructionLoss(lambda pred, image: float(len(image)))
    metric.reset()
    for size in (3, 1):
        metric.update({"image": torch.zeros(size, 1), "pred": None})
    assert metric.compute() == (3 * 3 + 1) / 4


@pytest.mark.parametrize("interval", [1, 2])
def test_a_picture_every_so_many_epochs(tmp_path, interval):
    engine = evaluator(HalfHidden(), [ReconstructionPicture(tmp_path, PATCH, interval)])
    for epoch in (1, 2):
        engine.run(epoch)
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    assert names == [f"reconstruction_{epoch:04d}.png" for epoch in (1, 2) if epoch % interval == 0]
    assert imread(tmp_path / names[0]).shape[:2] == (600, 600)  # three crops
    assert list((tmp_path / "pictures").glob("events*"))


def test_an_interval_out_of_range(tmp_path):
    with pytest.raises(InputError, match="picture_interval"):
        ReconstructionPicture(tmp_path, PATCH, 0)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_panels(dims):
    """The lower half of the first axis is hidden; a perfect prediction of normalised patches gives the image back."""
    torch.manual_seed(0)
    image = torch.randn(1, 1, *([8] * dims)) * 20 + 100
    patches = to_patches(image, PATCH[:dims])
    variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    mask = torch.zeros(patches.shape[:2])
    mask[:, : mask.shape[1] // 2] = 1
    perfect = (patches - mean) / (variance + 1e-6).sqrt()
    picture = reconstruction(image, perfect, mask, PATCH[:dims])
    assert picture.shape == (8, 24, 3)
    true, masked, painted = np.split(picture[..., 0].astype(int), 3, axis=1)
    assert np.abs(true - painted).max() <= 1
    assert len(np.unique(masked[:, :4])) == 1  # the first axis runs to the right
    assert np.array_equal(masked[:, 4:], true[:, 4:])
    wrong = reconstruction(image, torch.zeros_like(perfect), mask, PATCH[:dims])
    visible = np.split(wrong[..., 0].astype(int), 3, axis=1)[2][:, 4:]
    assert np.array_equal(visible, true[:, 4:])
