from itertools import islice

import pytest
import torch
import torch.distributed as dist

from segpeft.data import skipped, volume_stream
from segpeft.data.held_out import HeldOutLoader, HeldOutVolumes
from segpeft.data.stream_loader import StreamLoader
from segpeft.data.volume_crops import VolumeCrops
from segpeft.data.volume_paths import VolumePaths, is_held_out
from segpeft.data.volume_stream import VolumeStream
from segpeft.errors import InputError
from tests.two_processes import in_two_processes

from .conftest import brain_image, write

SIZE = (4, 4, 4)


def write_tree(folder, count=8):
    for index in range(count):
        write(folder / f"s{index % 2}" / f"{index}.nii.gz", brain_image(1, seed=index)[..., 0])
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("tree"))


def stream(place, epoch=1, epoch_length=5, seed=0, samples=1, **options):
    made = VolumeStream(VolumePaths(place, seed), VolumeCrops(SIZE, samples), 4, epoch_length, **options)
    made.set_epoch(epoch)
    return made


def images(loader):
    return [batch["image"] for batch in loader]


def read_names(place, shard=(0, 1), count=8, **options):
    """The names that one shard reads first."""
    made = stream(place, **options)
    reader = volume_stream._Reader(made, *shard)
    reader.fruitful_pass = True
    names = []
    for name in reader._names():
        reader.fruitful_pass = True
        names.append(name)
        if len(names) == count:
            return names
    return names


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_has_its_length_and_repeats_itself(tree, workers):
    first, again, other = (images(StreamLoader(stream(tree, epoch), workers)) for epoch in (2, 2, 3))
    assert [tuple(batch.shape) for batch in first] == [(4, 1, *SIZE)] * 5
    assert first[0].dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_shards_share_a_pass_among_them(tree):
    parts = [read_names(tree, (shard, 3), 3 if shard < 2 else 2) for shard in range(3)]
    assert sorted(name for part in parts for name in part) == sorted(VolumePaths(tree).names())


def test_a_shard_reads_its_share_again_after_a_pass_of_everything(tree):
    whole = [name for _, name in islice(VolumePaths(tree).endless(), 24)]
    reader = volume_stream._Reader(stream(tree), 0, 2)
    names = []
    for name in islice(reader._names(), 16):
        names.append(name)
        reader.fruitful_pass = len(names) > 4  # its share of the first pass holds nothing
    assert names == whole[:8:2] + whole[8:16] + whole[16:24:2]


def test_the_rest_of_a_pass_is_not_judged(tree):
    """The second epoch begins with the last 4 of 8 names."""
    whole = [name for _, name in islice(VolumePaths(tree).endless(20), 20)]
    names = list(volume_stream._Reader(stream(tree, epoch=2), 0, 2)._names())
    assert names == whole[:4:2] + whole[4:12:2] + whole[12:20]


def test_a_large_folder_of_unusable_files_does_not_end_a_run(tmp_path):
    (tmp_path / "list.txt").write_text("".join(f"gone{index}.nii\n" for index in range(1500)))
    write(tmp_path / "good.nii.gz", brain_image(1)[..., 0])
    with (tmp_path / "list.txt").open("a") as lines:
        lines.write("good.nii.gz\n")
    seed = next(
        s for s in range(99) if "good.nii.gz" not in list(islice(VolumePaths(tmp_path / "list.txt", s).names(), 1100))
    )
    (batch,) = images(StreamLoader(stream(tmp_path / "list.txt", epoch_length=1, seed=seed, samples=4, buffer=1)))
    assert batch.shape == (4, 1, *SIZE)


def test_a_shard_without_a_file_in_a_pass_gets_one_in_the_next(tmp_path):
    write_tree(tmp_path, 1)
    loaders = [StreamLoader(stream(tmp_path)) for _ in range(3)]
    for rank, loader in enumerate(loaders):
        volumes = volume_stream._Reader(loader.dataset, rank, 3).batches()
        assert next(volumes).samples["image"].shape == (4, 1, *SIZE)


def test_the_next_epoch_goes_on_where_the_last_ended(tree):
    """An epoch of 5 batches of 4 crops takes 20 volumes; the eleventh of a pass of 8 comes 20 volumes later."""
    whole = read_names(tree, count=28)
    assert read_names(tree, epoch=2, count=8) == whole[20:]


def test_held_out_files_are_not_read(tree):
    names = read_names(tree, held_out=0.5, count=30)
    assert 0 < len(set(names)) < 8
    assert not [name for name in names if is_held_out(name, 0.5)]


def test_batches_mix_volumes(tree):
    made = stream(tree, samples=8, buffer=32, epoch_length=8)
    values = {len({float(v) for v in batch.flatten(1).amax(1)}) for batch in images(StreamLoader(made))}
    assert max(values) >= 3


@pytest.mark.parametrize("workers", [0, 2])
def test_unusable_files_are_counted_and_passed_over(tmp_path, workers):
    write_tree(tmp_path)
    (tmp_path / "bad.nii.gz").write_bytes(b"damaged")
    (tmp_path / "worse.nii.gz").write_bytes(b"damaged")
    loader = StreamLoader(stream(tmp_path, epoch_length=12), workers)
    assert len(images(loader)) == 12
    assert loader.skipped.count == 2
    assert loader.skipped.files > 10
    assert "bad.nii.gz: cannot be read" in loader.skipped.text()
    assert loader.skipped.text().count("\n") == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_usable_is_one_line(tmp_path, workers):
    for index in range(3):
        (tmp_path / f"{index}.nii.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="no usable volume in") as caught:
        images(StreamLoader(stream(tmp_path), workers))
    assert "\n" not in str(caught.value)


def test_one_good_file_is_found_by_every_shard(tmp_path):
    write_tree(tmp_path, 1)
    for index in range(5):
        (tmp_path / f"{index}.nii.gz").write_bytes(b"damaged")
    for shard in range(4):
        batches = volume_stream._Reader(stream(tmp_path), shard, 4).batches()
        assert all(next(batches).samples is not None for _ in range(3))


def test_patience_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_stream, "PATIENCE", 3)
    for index in range(20):
        (tmp_path / f"{index}.nii.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="in 3 files"):
        images(StreamLoader(stream(tmp_path)))


def test_everything_held_out_is_an_error(tmp_path):
    write_tree(tmp_path, 1)
    with pytest.raises(InputError, match="held out"):
        images(StreamLoader(stream(tmp_path, held_out=0.9999999)))


def test_the_list_of_skipped_files_is_bounded(monkeypatch):
    monkeypatch.setattr(skipped, "MOST_LISTED", 2)
    record = skipped.SkippedFiles()
    for name in ("a", "b", "a", "c", "d"):
        record.add(name, f"{name}: bad")
    assert record.text() == "a: bad\nb: bad\nand 2 more\n"


@pytest.mark.parametrize("knobs", [{"batch_size": 0}, {"epoch_length": 0}, {"buffer": 0}, {"held_out": 1.0}])
def test_knobs_out_of_range(knobs):
    options = {"batch_size": 1, "epoch_length": 1, **knobs}
    with pytest.raises(InputError):
        VolumeStream(VolumePaths("/none"), VolumeCrops(SIZE), **options)


def test_held_out_volumes_are_always_the_same(tree):
    def batches():
        volumes = HeldOutVolumes(VolumePaths(tree), VolumeCrops(SIZE, 2), 0.5, count=3)
        volumes.prepare()
        return list(HeldOutLoader(volumes, batch_size=2))

    first, again = batches(), batches()
    assert 1 <= sum(len(batch["image"]) for batch in first) <= 3
    assert all(is_held_out(name, 0.5) for batch in first for name in batch["case"])
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(first, again, strict=True))


def test_a_bad_held_out_file_is_no_error(tmp_path):
    for index in range(4):
        (tmp_path / f"{index}.nii.gz").write_bytes(b"damaged")
    volumes = HeldOutVolumes(VolumePaths(tmp_path), VolumeCrops(SIZE), 0.9999999)
    volumes.prepare()
    loader = HeldOutLoader(volumes)
    assert len(volumes) == 4
    assert list(loader) == []
    assert loader.rejected == []


def _rank_reads(rank, folder):
    loader = StreamLoader(stream(f"{folder}/tree", epoch_length=6), num_workers=1)
    assert dist.get_rank() == rank
    return torch.stack(images(loader))


def test_two_ranks_make_the_same_number_of_different_steps(tmp_path):
    write_tree(tmp_path / "tree", 3)
    first, second = in_two_processes(_rank_reads, tmp_path)
    assert first.shape == second.shape == (6, 4, 1, *SIZE)
    assert not torch.equal(first, second)
