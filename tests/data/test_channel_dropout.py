import pytest
import torch
from monai.transforms import Compose

from segpeft.data import RandChannelDropoutd
from segpeft.data.presence import PRESENT
from segpeft.errors import InputError


def draw(prob: float, count: int = 400, present: torch.Tensor | None = None, seed: int = 0) -> torch.Tensor:
    """What stays of four channels, (count, 4)."""
    transform = Compose([RandChannelDropoutd("image", prob)])
    transform.set_random_state(seed)
    case = {"image": torch.ones(4, 2, 2, 2), **({} if present is None else {PRESENT: present})}
    return torch.stack([transform(case)[PRESENT] for _ in range(count)])


def test_absent_channels_are_zero_and_the_input_is_left_alone():
    image = torch.ones(4, 2, 2, 2)
    result = RandChannelDropoutd("image", 0.9).set_random_state(1)({"image": image})
    assert result["image"].flatten(1).amax(1).tolist() == result[PRESENT].tolist()
    assert result[PRESENT].sum() < 4
    assert image.all()


@pytest.mark.parametrize("prob", [0.2, 0.5])
def test_channels_go_with_the_probability_and_never_all(prob):
    kept = draw(prob)
    expected = 1 - prob + prob**4 / 4  # one is drawn back where all four would have gone
    torch.testing.assert_close(kept.mean(0), torch.full((4,), expected), atol=0.08, rtol=0)
    assert kept.sum(1).min() >= 1


def test_what_is_absent_stays_absent():
    kept = draw(0.9, present=torch.tensor([0.0, 1, 0, 1]))
    assert not kept[:, [0, 2]].any()
    assert kept.sum(1).min() == 1
    assert kept[:, 1].any()
    assert kept[:, 3].any()


def test_a_seed_repeats_itself():
    assert torch.equal(draw(0.5, seed=3), draw(0.5, seed=3))
    assert not torch.equal(draw(0.5, seed=3), draw(0.5, seed=4))


def test_probability_zero_changes_nothing():
    case = {"image": torch.ones(4, 2, 2, 2)}
    assert RandChannelDropoutd("image")(case) == case


@pytest.mark.parametrize("prob", [-0.1, 1.0])
def test_a_probability_out_of_range_is_refused(prob):
    with pytest.raises(InputError, match="channel_dropout .* is out of range"):
        RandChannelDropoutd("image", prob)
