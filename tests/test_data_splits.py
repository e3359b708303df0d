"""Splits: stratified, by the seed alone, and with an image of every class in each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonade.config import DataSettings
from lemonade.data import SOURCES, load_dataset, load_test
from lemonade.data.splits import check_counts, hash_splits, limit_train, order_validation, split_test, split_validation
from lemonade.errors import LemonadeError


def make_settings(**values: object) -> DataSettings:
    return DataSettings.model_validate(values)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=12),
    share=st.sampled_from([0.01, 0.1, 0.2, 0.5, 0.99]),
    seed=st.integers(0, 1000),
)
def test_splits_are_disjoint_complete_and_stratified(counts: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    options = make_settings(test_share=share, validation_share=share, split_seed=seed)
    test, rest = split_test(labels, options)
    chosen, train = split_validation("made", labels[rest], options)
    parts = [test, rest[chosen], rest[train]]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part in parts:
        assert set(labels[part].tolist()) == set(range(len(counts)))
    if share in (0.1, 0.2):  # where the shares decide, not the one image of every class
        got = np.bincount(labels[test])
        wanted = np.array(counts) * share
        assert (np.abs(got - np.maximum(wanted, 1)) <= 1 + 1e-9).all()


def test_the_same_seed_gives_the_same_split_and_another_one_another() -> None:
    labels = np.repeat(np.arange(5), 40)
    first, again, other = (split_test(labels, make_settings(split_seed=seed))[0] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert first[:5].tolist() == [11, 196, 150, 92, 113]  # pinned: earlier runs were split so


def test_validation_is_capped_and_in_random_order() -> None:
    labels = np.repeat(np.arange(4), 100)
    chosen, train = split_validation("made", labels, make_settings(validation_most=20))
    assert np.bincount(labels[chosen]).tolist() == [5, 5, 5, 5]
    assert len(train) == 380
    assert set(labels[chosen][:8].tolist()) == {0, 1, 2, 3}


def test_a_given_validation_split_is_kept_whole_up_to_the_cap() -> None:
    labels = np.repeat(np.arange(3), 10)
    assert sorted(order_validation("made", labels, make_settings())) == list(range(30))
    assert np.bincount(labels[order_validation("made", labels, make_settings(validation_most=6))]).tolist() == [2, 2, 2]


def test_training_images_are_all_used_unless_capped() -> None:
    labels = np.repeat(np.arange(3), [30, 20, 10])
    assert limit_train("made", labels, make_settings()).tolist() == list(range(60))
    assert limit_train("made", labels, make_settings(train_most=60)).tolist() == list(range(60))


def test_a_cap_on_training_images_keeps_the_shares_of_the_classes() -> None:
    labels = np.repeat(np.arange(3), [30, 20, 10])
    kept = limit_train("made", labels, make_settings(train_most=12))
    assert kept.tolist() == sorted(kept.tolist())
    assert np.bincount(labels[kept]).tolist() == [6, 4, 2]
    with pytest.raises(LemonadeError, match=r"made: data.train_most is 2, but each of the 3 classes needs a training"):
        limit_train("made", labels, make_settings(train_most=2))


def test_a_cap_below_the_classes_is_an_error() -> None:
    with pytest.raises(
        LemonadeError, match=r"made: data.validation_most is 2, but each of the 3 classes .* at least 3"
    ):
        split_validation("made", np.repeat(np.arange(3), 10), make_settings(validation_most=2))


def test_a_class_with_too_few_images_is_named() -> None:
    labels = np.array([0, 0, 0, 1])
    parts = ["training", "validation", "test"]
    with pytest.raises(
        LemonadeError,
        match=r"^cats: class 'tabby' has 1 image; at least 3 are needed for training, validation and test\. "
        r"Remove the class or add images\.$",
    ):
        check_counts("cats", ("manx", "tabby"), labels, parts)
    with pytest.raises(LemonadeError, match=r"class 'c' has no images; .* 1 more classes have too few as well"):
        check_counts("cats", ("a", "b", "c", "d"), np.array([0, 0, 0, 1, 1, 1]), parts)
    with pytest.raises(LemonadeError, match=r"at least 1 is needed for test"):
        check_counts("cats", ("a", "b"), np.array([0]), ["test"])
    with pytest.raises(LemonadeError, match=r"cats: at least 2 classes are needed, got 1 \(manx\)"):
        check_counts("cats", ("manx",), np.zeros(9, dtype=np.int64), parts)


def test_the_hash_sees_names_and_splits() -> None:
    base = hash_splits({"train": [b"a", b"b"], "val": [b"c"]})
    assert base == hash_splits({"train": [b"a", b"b"], "val": [b"c"]})
    others = [
        {"train": [b"a"], "val": [b"b", b"c"]},
        {"train": [b"ab"], "val": [b"c"]},
        {"train": [b"a", b"x"], "val": [b"c"]},
        {"val": [b"a", b"b"], "train": [b"c"]},
    ]
    assert len({base, *map(hash_splits, others)}) == 5


def test_digits_has_the_splits_of_the_design() -> None:
    data = load_dataset("digits", make_settings())
    test = load_test("digits", make_settings())
    assert (len(data.train), len(data.validation), data.test_images, len(test)) == (1150, 287, 360, 360)
    assert data.input_shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert not data.flip
    assert int(data.train.images.max()) == 255
    assert data.notes == ()
    assert data.split_hash == load_dataset("digits", make_settings()).split_hash
    assert data.split_hash != load_dataset("digits", make_settings(split_seed=1)).split_hash
    scaled = data.train.images.double() / 255
    assert data.mean[0] == pytest.approx(scaled.mean().item(), rel=1e-12)
    assert data.std[0] == pytest.approx(scaled.std(correction=0).item(), rel=1e-9)
    pixels = [part.images.flatten(1).unique(dim=0) for part in (data.train, data.validation, test)]
    assert sum(len(part) for part in pixels) == 1797  # no two digits are equal, so no image is in two splits


def test_digits_can_be_enlarged_and_flipped() -> None:
    data = load_dataset("digits", make_settings(image_size=32, flip=True))
    assert data.input_shape == (1, 32, 32)
    assert data.flip
    assert data.notes == ("images resized from 8x8 to 32x32",)
    assert load_test("digits", make_settings(image_size=32)).images.shape == (360, 1, 32, 32)
    assert data.split_hash == load_dataset("digits", make_settings()).split_hash


def test_an_unknown_name_lists_the_known_ones(tmp_path: object) -> None:
    with pytest.raises(
        LemonadeError,
        match=r"unknown dataset 'digitz'\. Did you mean 'digits'\? Known: digits, cifar10, .*"
        r"a folder of images per class, or an \.npz file\.",
    ):
        load_dataset("digitz", make_settings())
    assert len(SOURCES) > 15
