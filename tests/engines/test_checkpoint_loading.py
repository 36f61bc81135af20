import pytest
import torch

from segpeft.engines import load_model
from segpeft.errors import InputError
from segpeft.peft import save_adapter
from tests.engines.adapted import adapted


def saved(tmp_path, network, suffix=".pt"):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(network.state_dict(), path)
    else:
        save_adapter(network, path)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_round_trip(tmp_path, suffix):
    trained = adapted()
    network = adapted()
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data.zero_()
    assert load_model(network, saved(tmp_path, trained, suffix)) is network
    for name, value in trained.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"rank": 4}, r"lora_a is \(4, 12\) in the file, \(2, 12\) in the network"),
        ({"hidden": 24}, "in the file, .* in the network"),
        ({"bare": True}, r"lacks .*lora_a \(4 missing, 0 unexpected keys\)"),
    ],
    ids=["rank", "base", "no adapters"],
)
def test_another_network_is_an_error(tmp_path, theirs, message):
    network = adapted()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(InputError, match=message) as caught:
        load_model(network, saved(tmp_path, adapted(**theirs)))
    assert "\n" not in str(caught.value)
    assert "weights.pt" in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_unexpected_keys_are_an_error(tmp_path):
    with pytest.raises(InputError, match="has the unknown .*lora"):
        load_model(adapted(bare=True), saved(tmp_path, adapted()))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"], ids=["empty", "text", "broken zip"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_damaged_file_is_an_error(tmp_path, content, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable") as caught:
        load_model(adapted(), path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_an_error(tmp_path):
    path = saved(tmp_path, adapted())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="not a readable"):
        load_model(adapted(), path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(2)], ids=["list", "numbers", "tensor"])
def test_a_file_of_something_else_is_an_error(tmp_path, content):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(InputError, match="holds no state dict"):
        load_model(adapted(), tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["none.pt", "none.safetensors"])
def test_a_missing_file_is_an_error(tmp_path, name):
    with pytest.raises(InputError, match=name):
        load_model(adapted(), tmp_path / name)
