"""Arrays from .npz files: what is accepted, and what is said about what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lemonade.config import DataSettings
from lemonade.data import load_dataset, load_test
from lemonade.errors import LemonadeError

SETTINGS = DataSettings.model_validate({})
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 10), dtype=np.uint8)
LABELS = np.arange(30) % 3


def write(folder: Path, **arrays: Any) -> str:
    path = folder / "made.npz"
    np.savez(path, **arrays)
    return str(path)


def pixels(data: Any) -> set[bytes]:
    return {image.numpy().tobytes() for image in data.images}


def test_plain_arrays_are_split(tmp_path: Path) -> None:
    name = write(tmp_path, images=IMAGES, labels=LABELS)
    data, test = load_dataset(name, SETTINGS), load_test(name, SETTINGS)
    assert (len(data.train), len(data.validation), data.test_images, len(test)) == (20, 4, 6, 6)
    assert data.input_shape == (1, 8, 10)
    assert data.classes == ("0", "1", "2")
    assert pixels(data.train) | pixels(data.validation) | pixels(test) == {image.tobytes() for image in IMAGES}
    by_pixels = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    for part in (data.train, data.validation, test):
        assert [by_pixels[image.numpy().tobytes()] for image in part.images] == part.labels.tolist()


@pytest.mark.parametrize(
    ("shape", "channels"), [((30, 8, 8, 3), 3), ((30, 3, 8, 8), 3), ((30, 8, 8, 1), 1), ((30, 1, 8, 8), 1)]
)
def test_channels_may_come_first_or_last(tmp_path: Path, shape: tuple[int, ...], channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data = load_dataset(write(tmp_path, images=images, labels=LABELS), SETTINGS)
    assert data.input_shape == (channels, 8, 8)
    first = images if shape[1] == channels else images.transpose(0, 3, 1, 2)
    assert pixels(data.train) <= {np.ascontiguousarray(image).tobytes() for image in first}


@pytest.mark.parametrize(
    ("train", "validation", "test"), [("images", "val_images", "test_images"), ("train_images", "", "test_images")]
)
def test_parts_of_the_users_own_are_kept(tmp_path: Path, train: str, validation: str, test: str) -> None:
    arrays = {}
    for key, level in ((train, 10), (validation, 20), (test, 30)):
        if key:
            arrays[key] = np.full((12, 6, 6), level, dtype=np.uint8)
            arrays[key.replace("images", "labels")] = (np.arange(12) % 3)[:, None]  # as MedMNIST has them
    name = write(tmp_path, **arrays)
    data = load_dataset(name, SETTINGS)
    assert set(data.train.images.unique().tolist()) == {10}
    assert set(data.validation.images.unique().tolist()) == ({20} if validation else {10})
    assert data.test_images == 12
    assert set(load_test(name, SETTINGS).images.unique().tolist()) == {30}


def test_names_of_keras_classes_and_the_cap_on_validation(tmp_path: Path) -> None:
    name = write(
        tmp_path,
        x_train=IMAGES,
        y_train=LABELS.astype(np.uint8),
        x_val=IMAGES,
        y_val=LABELS,
        x_test=IMAGES[:6],
        y_test=LABELS[:6],
        classes=np.array([b"cat", b"cow", b"dog"]),
    )
    data = load_dataset(name, DataSettings.model_validate({"validation_most": 9}))
    assert (len(data.train), len(data.validation), data.test_images) == (30, 9, 6)
    assert data.classes == ("cat", "cow", "dog")
    assert data.notes == ("validation: 9 of the 30 images given",)


def test_the_test_images_are_never_opened(tmp_path: Path) -> None:
    name = write(tmp_path, images=IMAGES, labels=LABELS, test_images=np.array([None] * 3), test_labels=LABELS[:3])
    assert load_dataset(name, SETTINGS).test_images == 3
    with pytest.raises(LemonadeError, match="test_images is an array of Python objects"):
        load_test(name, SETTINGS)


def test_floats_are_rounded_to_bytes(tmp_path: Path) -> None:
    data = load_dataset(write(tmp_path, images=IMAGES.astype(np.float32) / 255, labels=LABELS), SETTINGS)
    assert pixels(data.train) <= {image.tobytes() for image in IMAGES}


def test_large_images_are_made_smaller_and_small_ones_kept(tmp_path: Path) -> None:
    images = np.zeros((30, 80, 100), dtype=np.uint8)
    images[:, :, 30:70] = 200
    name = write(tmp_path, images=images, labels=LABELS)
    data = load_dataset(name, SETTINGS)
    assert data.input_shape == (1, 64, 64)
    assert data.notes == ("images resized from 80x100 to 64x64, the centre cut out",)
    middle = data.train.images[0, 0]
    assert int(middle[32, 32]) == 200
    assert int(middle[32, 0]) == 0
    assert torch.equal(middle, middle.flip(1))  # the centre was cut out
    asked = load_dataset(name, DataSettings.model_validate({"image_size": 16}))
    assert asked.input_shape == (1, 16, 16)
    assert asked.split_hash == data.split_hash


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    first = load_dataset(write(tmp_path, images=IMAGES, labels=LABELS), SETTINGS).split_hash
    changed = IMAGES.copy()
    changed[0, 0, 0] ^= 1
    assert load_dataset(write(tmp_path, images=changed, labels=LABELS), SETTINGS).split_hash != first


BAD_ARRAYS = [
    ({"pictures": IMAGES}, r"expected the arrays 'images' and 'labels' or .*, found pictures\."),
    ({"images": IMAGES, "labels": LABELS[:7]}, r"labels: 7 labels for 30 images\."),
    ({"images": IMAGES, "labels": LABELS + 1}, r"labels 0 to n-1 without gaps, found 3 different: 1, 2, 3\."),
    ({"images": IMAGES, "labels": LABELS * 2}, r"found 3 different: 0, 2, 4\. Renumber"),
    ({"images": IMAGES, "labels": LABELS - 1}, r"expected labels from 0 to n-1, found -1"),
    ({"images": IMAGES, "labels": LABELS * 0.5}, r"expected integers from 0 to n-1, got float64"),
    (
        {"images": IMAGES, "labels": LABELS.astype(str)},
        r"expected integers from 0 to n-1, got text. Number the classes",
    ),
    ({"images": IMAGES, "labels": np.eye(30, 3)}, r"expected one label an image, shape \(30,\), got shape \(30, 3\)"),
    ({"images": IMAGES, "labels": LABELS * 0}, r"at least 2 classes are needed, got 1"),
    ({"images": IMAGES[:4], "labels": LABELS[:4]}, r"class '0' has 2 images; at least 3 are needed"),
    ({"images": IMAGES[0], "labels": LABELS}, r"images: expected \(N, H, W\), .* got shape 8x10"),
    ({"images": np.zeros((30, 8, 8, 4), np.uint8), "labels": LABELS}, r"with 1 or 3 channels, got shape 30x8x8x4"),
    ({"images": np.uint8(3), "labels": LABELS}, r"got shape of a single number"),
    ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"there are no images \(shape 0x8x10\)"),
    ({"images": IMAGES[:, :3], "labels": LABELS}, r"at least 4 pixels a side are needed, got shape 30x3x10"),
    ({"images": IMAGES.astype(np.int32), "labels": LABELS}, r"expected uint8 or floats in \[0, 1\], got int32"),
    ({"images": IMAGES.astype(float), "labels": LABELS}, r"floats in \[0, 1\], found 0 to 255\. Divide by 255\."),
    ({"images": IMAGES / 255 - 0.5, "labels": LABELS}, r"found -0\.5 to 0\.5\. Scale them"),
    ({"images": np.where(IMAGES > 250, np.nan, 0.5), "labels": LABELS}, r"NaN or infinite"),
    ({"images": np.array([None] * 3), "labels": LABELS}, r"images is an array of Python objects"),
    (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:0], "test_labels": LABELS[:0]},
        r"test_labels: there are no labels\.",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "classes": np.array([b"a", b"\xff\xfe", b"c"])},
        r"classes: the name .* is not UTF-8\. Store names as strings",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "classes": np.array(["a", "\ud800x", "c"])},
        r"classes: the name .*ud800x.* is not UTF-8",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "classes": np.zeros(3, "V2")},
        r"classes: expected names as strings, got \|V2",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "classes": np.array(["a"])},
        r"classes: expected 3 names, .* got shape \(1,\)",
    ),
    ({"images": IMAGES}, r"made\.npz: holds 'images' without 'labels'\. Store both, or neither\."),
    ({"images": IMAGES, "labels": LABELS, "test_images": IMAGES}, r"holds 'test_images' without 'test_labels'"),
    ({"images": IMAGES, "labels": LABELS, "y_val": LABELS}, r"holds 'y_val' without 'x_val'"),
    (
        {"images": IMAGES, "labels": LABELS, "classes": np.array(["a", "b", "a"])},
        r"classes: 'a' is there more than once\. Every class needs its own name\.",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "val_images": IMAGES[:2], "val_labels": LABELS[:2]},
        r"val_labels: expected labels 0 to 2, each at least once, found 2 different: 0, 1",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "val_images": IMAGES[:, :5], "val_labels": LABELS},
        r"val_images: expected channels, height, width \[1, 8, 10\] as in training, got \[1, 5, 10\]",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES, "test_labels": LABELS + 1},
        r"test_labels: expected labels 0 to 2, each at least once, found 3 different: 1, 2, 3",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:, :5], "test_labels": LABELS},
        r"test_images: expected channels, height, width \[1, 8, 10\] as in training, got \[1, 5, 10\]",
    ),
    (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:-1], "test_labels": LABELS},
        r"test_labels: expected a label for each of \d+ images, got \d+ labels",
    ),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS, ids=range(len(BAD_ARRAYS)))
def test_wrong_arrays_are_explained(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    name = write(tmp_path, **arrays)
    with pytest.raises(LemonadeError, match=message) as error:
        load_dataset(name, SETTINGS)
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


def test_damaged_files_are_explained(tmp_path: Path) -> None:
    name = write(tmp_path, images=IMAGES, labels=LABELS)
    whole = Path(name).read_bytes()
    for content in (b"", b"junk", whole[:200], whole[: len(whole) - 30], b"\x80\x04K\x01."):
        Path(name).write_bytes(content)
        with pytest.raises(LemonadeError, match=r"made\.npz: .*(not a readable|cannot be read)"):
            load_dataset(name, SETTINGS)
    Path(name).write_bytes(whole[:100] + bytes(50) + whole[150:])
    with pytest.raises(LemonadeError, match=r"images cannot be read; the file is damaged or cut off"):
        load_dataset(name, SETTINGS)
    with Path(name).open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(LemonadeError, match="got a single array"):
        load_dataset(name, SETTINGS)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    for name in ("no/such/folder", "./nothing", "lost.npz", str(tmp_path / "gone")):
        with pytest.raises(LemonadeError, match="there is no such file or folder"):
            load_dataset(name, SETTINGS)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    with pytest.raises(LemonadeError, match=r"photo\.jpg: expected a folder of images per class or an \.npz file"):
        load_dataset(str(photo), SETTINGS)
    with pytest.raises(LemonadeError, match=r"cannot be read \(File name too long\)"):
        load_dataset("x" * 5000, SETTINGS)
