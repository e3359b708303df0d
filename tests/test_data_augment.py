"""Batches and augmentation: every augmented image is a true crop, mirror and cover of its original."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lemonade.data import Augment, Dataset, Split, batches, calibration_batch, normalise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dataset(count: int = 40, shape: tuple[int, int, int] = (3, 8, 8), flip: bool = False, seed: int = 0) -> Dataset:
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator(seed))
    split = Split(images, torch.arange(count))
    mean, std = (0.4, 0.5, 0.6)[: shape[0]], (0.2, 0.25, 0.3)[: shape[0]]
    return Dataset("made", split, split, 0, ("a", "b"), mean, std, flip, "hash")


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    """The image seen through a window moved so, borders repeated; by plain loops."""
    _, height, width = image.shape
    out = torch.empty_like(image)
    for y in range(height):
        for x in range(width):
            out[:, y, x] = image[:, min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)]
    return out


def candidates(data: Dataset, index: int, pad: tuple[int, int]) -> list[Tensor]:
    """All that a crop and a flip may make of an image."""
    image = data.train.images[index]
    moved = [shifted(image, down, right) for down in range(-pad[0], pad[0] + 1) for right in range(-pad[1], pad[1] + 1)]
    return moved + ([one.flip(2) for one in moved] if data.flip else [])


def test_normalise_is_the_textbook_formula() -> None:
    data = dataset()
    images, mean, std = data.train.images, torch.tensor(data.mean), torch.tensor(data.std)
    expected = (images.double() / 255 - mean.double().view(3, 1, 1)) / std.double().view(3, 1, 1)
    got = normalise(images, data.mean, data.std)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-6)
    assert images.dtype == torch.uint8


def test_without_crop_flip_and_cutout_it_only_normalises() -> None:
    data = dataset()
    indices = torch.tensor([3, 0, 39, 3])
    images, labels = Augment(data)(indices, generator())
    assert torch.equal(images, normalise(data.train.images[indices], data.mean, data.std))
    assert labels.tolist() == [3, 0, 39, 3]


@settings(max_examples=25, deadline=None)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    crop=st.sampled_from([0.0, 0.125, 0.25, 0.5]),
    flip=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_every_image_is_a_shifted_and_mirrored_original(
    channels: int, height: int, width: int, crop: float, flip: bool, seed: int
) -> None:
    data = dataset(6, (channels, height, width), flip, seed)
    indices = torch.tensor([5, 1, 3])
    images, labels = Augment(data, crop=crop)(indices, generator(seed))
    assert images.shape == (3, channels, height, width)
    assert labels.tolist() == [5, 1, 3]
    for image, index in zip(images, indices.tolist(), strict=True):
        possible = torch.stack(candidates(data, index, (round(crop * height), round(crop * width))))
        assert (normalise(possible, data.mean, data.std) == image).flatten(1).all(1).any()


def test_all_shifts_occur_equally_often() -> None:
    data = dataset(1, (1, 8, 8))
    images, _ = Augment(data, crop=0.125)(torch.zeros(9_000, dtype=torch.int64), generator())
    possible = normalise(torch.stack(candidates(data, 0, (1, 1))), data.mean, data.std)
    counts = [int((images == one).flatten(1).all(1).sum()) for one in possible]
    assert sum(counts) == 9_000
    assert all(850 < count < 1_150 for count in counts)  # 1,000 expected, five standard deviations


def test_half_of_the_images_are_flipped() -> None:
    data = dataset(1, flip=True)
    images, _ = Augment(data)(torch.zeros(4_000, dtype=torch.int64), generator())
    mirrored = normalise(data.train.images.flip(3), data.mean, data.std)
    assert 1_840 < int((images == mirrored).flatten(1).all(1).sum()) < 2_160


def test_cutout_covers_one_square_with_the_mean() -> None:
    data = dataset(1, (3, 12, 16))
    data.train.images.fill_(255)
    images, _ = Augment(data, cutout=0.5)(torch.zeros(3_000, dtype=torch.int64), generator())
    covered = images == 0
    assert torch.equal(covered.any(1), covered.all(1))  # the same square in all channels
    mask = covered[:, 0]
    rows, columns = mask.any(2), mask.any(1)
    assert torch.equal(mask, rows[:, :, None] & columns[:, None, :])
    heights, widths = rows.sum(1), columns.sum(1)
    assert heights.max() == widths.max() == 6  # half of the shorter side
    assert heights.min() == widths.min() == 3  # at least half of it lies inside
    edges = (rows[:, 1:] != rows[:, :-1]).sum(1)
    assert int(edges.max()) <= 2
    assert bool(mask.any(0).all())  # every pixel is covered some time
    assert torch.equal(images[~covered], normalise(data.train.images, data.mean, data.std).expand_as(images)[~covered])


def test_a_cutout_of_less_than_a_pixel_covers_nothing() -> None:
    data = dataset()
    images, _ = Augment(data, cutout=0.01)(torch.arange(40), generator())
    assert torch.equal(images, normalise(data.train.images, data.mean, data.std))


def test_the_same_generator_gives_the_same_batch_and_leaves_the_global_one_alone() -> None:
    augment = Augment(dataset(flip=True), crop=0.25, cutout=0.25)
    state = torch.random.get_rng_state()
    first, again, other = (augment(torch.arange(40), generator(seed))[0] for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_originals_are_not_written_to() -> None:
    data = dataset(flip=True)
    before = data.train.images.clone()
    Augment(data, crop=0.25, cutout=0.5)(torch.arange(40), generator())
    assert torch.equal(before, data.train.images)


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 1000))
def test_an_epoch_has_no_image_twice_and_drops_the_remainder(count: int, size: int, seed: int) -> None:
    stream = batches(count, size, generator(seed), "cpu")
    steps = max(1, count // size)
    for _ in range(2):
        epoch = list(islice(stream, steps))
        assert {len(batch) for batch in epoch} == {min(size, count)}
        seen = torch.cat(epoch).tolist()
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(count))


def test_batches_are_reshuffled_each_epoch_and_follow_from_the_seed() -> None:
    first = list(islice(batches(100, 50, generator(1), "cpu"), 4))
    again = list(islice(batches(100, 50, generator(1), "cpu"), 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(torch.cat(first[:2]), torch.cat(first[2:]))
    assert first[0].dtype == torch.int64


def test_the_calibration_batch_is_256_images_in_an_order_of_the_split_seed() -> None:
    data = dataset(600, (1, 4, 4))
    batch = calibration_batch(data)
    assert batch.shape == (256, 1, 4, 4)
    assert batch.dtype == torch.float32
    assert torch.equal(batch, calibration_batch(data))
    whole = normalise(data.train.images, data.mean, data.std)
    where = [int((whole == image).flatten(1).all(1).nonzero()[0]) for image in batch]
    assert len(set(where)) == 256
    assert where[:4] == [504, 99, 89, 75]  # pinned: replayed morphisms depend on it


def test_a_small_calibration_batch_has_all_images() -> None:
    assert len(calibration_batch(dataset(30))) == 30


@pytest.mark.gpu
def test_it_works_on_a_gpu() -> None:
    data = dataset(flip=True).to("cuda")
    source = torch.Generator("cuda").manual_seed(0)
    indices = next(batches(40, 16, source, "cuda"))
    images, labels = Augment(data, crop=0.25, cutout=0.25)(indices, source)
    assert images.device.type == "cuda"
    assert torch.equal(labels, indices)
