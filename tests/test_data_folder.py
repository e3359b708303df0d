"""Folders of images: layouts, formats, sizes, and what is said about what cannot be read."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lemonade.config import DataSettings
from lemonade.data import load_dataset, load_test
from lemonade.data.cache import cache_folder
from lemonade.data.folder import _split
from lemonade.data.listing import list_folder
from lemonade.errors import LemonadeError

SETTINGS = DataSettings.model_validate({})


def paint(path: Path, level: int = 100, size: tuple[int, int] = (8, 8), mode: str = "L", **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = level if mode == "L" else (level, 255 - level, 30)
    Image.new(mode, size, colour).save(path, **options)


def fill(folder: Path, count: int = 5, classes: str = "abc", **options: Any) -> None:
    for label, name in enumerate(classes):
        for number in range(count):
            paint(folder / name / f"{number}.png", 50 * label + number, **options)


def levels(split: Any) -> list[int]:
    return sorted(split.images[:, 0, 0, 0].tolist())


def test_classes_are_split_and_their_order_is_that_of_names(tmp_path: Path) -> None:
    fill(tmp_path)
    data, test = load_dataset(str(tmp_path), SETTINGS), load_test(str(tmp_path), SETTINGS)
    assert (len(data.train), len(data.validation), data.test_images, len(test)) == (9, 3, 3, 3)
    assert data.classes == ("a", "b", "c")
    assert data.input_shape == (1, 8, 8)
    assert not data.flip
    for part in (data.train, data.validation, test):
        assert (part.images[:, 0, 0, 0] // 50).tolist() == part.labels.tolist()
    every = [50 * label + number for label in range(3) for number in range(5)]
    assert sorted(levels(data.train) + levels(data.validation) + levels(test)) == every
    assert data.notes == (
        "images brought to 8x8 (the median, at most 64; image_size sets another), grey, the centre cut out",
    )


@pytest.mark.parametrize("word", ["val", "valid", "validation", "Val"])
def test_parts_of_the_users_own(tmp_path: Path, word: str) -> None:
    fill(tmp_path / "train", 2)
    fill(tmp_path / word, 3)
    fill(tmp_path / "test", 4)
    (tmp_path / "extra").mkdir()
    data = load_dataset(str(tmp_path), SETTINGS)
    assert (len(data.train), len(data.validation), data.test_images) == (6, 9, 12)
    assert len(load_test(str(tmp_path), SETTINGS)) == 12
    assert "folders beside train/ ignored: extra" in data.notes


def test_missing_parts_are_drawn_from_train(tmp_path: Path) -> None:
    fill(tmp_path / "train", 5)
    fill(tmp_path / "test", 4)
    data = load_dataset(str(tmp_path), SETTINGS)
    assert (len(data.train), len(data.validation), data.test_images) == (12, 3, 12)
    shutil.move(tmp_path / "test", tmp_path / "val")
    data = load_dataset(str(tmp_path), DataSettings.model_validate({"validation_most": 6}))
    assert (len(data.train), len(data.validation), data.test_images) == (12, 6, 3)
    assert "validation: 6 of the 12 images given" in data.notes


def test_fewer_training_images_are_another_split(tmp_path: Path) -> None:
    fill(tmp_path / "train", 5)
    fill(tmp_path / "val", 2)
    fill(tmp_path / "test", 2)
    whole, part = (load_dataset(str(tmp_path), DataSettings.model_validate({"train_most": most})) for most in (None, 6))
    assert (len(whole.train), len(part.train), len(part.validation)) == (15, 6, 6)
    assert whole.split_hash != part.split_hash


@pytest.mark.parametrize("given", [True, False])
def test_what_test_images_show_reaches_nothing_but_load_test(tmp_path: Path, given: bool) -> None:
    """Neither the data set nor the cache: another image of as many bytes in place of each changes no byte of them."""
    folder = tmp_path / "images"
    for label, name in enumerate("abc"):
        for number in range(10):
            paint(folder / ("train" * given) / name / f"{number}.bmp", 50 * label + number, mode="RGB")
            if given:
                paint(folder / "test" / name / f"{number}.bmp", 50 * label + number, mode="RGB")
    parts = _split(str(folder), list_folder(str(folder)), SETTINGS)

    def found(cache: Path) -> tuple[list[object], list[bytes], tuple[int, ...], list[int]]:
        data, stored = load_dataset(str(folder), SETTINGS, cache), sorted(cache.glob("*/*.npy"))
        fields = {one.name: getattr(data, one.name) for one in dataclasses.fields(data)}
        tensors = [fields.pop(part) for part in ("train", "validation")]
        told = [*fields.values(), *(part.images.tolist() for part in tensors)]
        return (
            told,
            sorted(path.read_bytes() for path in stored),
            data.input_shape,
            levels(load_test(str(folder), SETTINGS)),
        )

    before = found(tmp_path / "one")
    for image in parts["test"]:
        paint(folder / image.path, 251, mode="RGB")
    after = found(tmp_path / "two")
    assert before[:3] == after[:3]
    assert before[3] != after[3] == [251] * len(parts["test"])


@pytest.mark.parametrize("given", [True, False])
def test_test_images_that_cannot_be_decoded_are_named_before_anything_or_left_out(tmp_path: Path, given: bool) -> None:
    fill(tmp_path / ("train" * given), 10)
    if given:
        fill(tmp_path / "test", 2)
    first, *others = _split(str(tmp_path), list_folder(str(tmp_path)), SETTINGS)["test"]
    broken = tmp_path / first.path
    broken.write_bytes(broken.read_bytes()[:45])
    advice = r"Repair or remove them, or leave them out with --skip-unreadable\."
    for call in (load_dataset, load_test):
        with pytest.raises(LemonadeError, match=rf"1 of 6 images cannot be read: {first.path} \(.+\)\. {advice}"):
            call(str(tmp_path), SETTINGS)
    skipping = DataSettings.model_validate({"skip_unreadable": True})
    for cache in (None, tmp_path / ".cache", tmp_path / ".cache"):
        data = load_dataset(str(tmp_path), skipping, cache)
        assert data.test_images == len(load_test(str(tmp_path), skipping)) == 5
        assert data.notes[0] == f"1 unreadable test image left out: {first.path}"
    for image in others:
        if image.label == first.label:
            (tmp_path / image.path).write_bytes(b"no image")
    with pytest.raises(LemonadeError, match="class '.' has no images; at least 1 is needed for test"):
        load_dataset(str(tmp_path), skipping)


def test_the_order_of_the_file_system_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 6)
    (tmp_path / "a" / "deep").mkdir()
    paint(tmp_path / "a" / "deep" / "x.png", 40)
    first = load_dataset(str(tmp_path), SETTINGS)
    scandir, iterdir = os.scandir, Path.iterdir

    class Reversed:
        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self.entries = iter(list(entries)[::-1])

        def __enter__(self) -> Iterator[Any]:
            return self.entries

        def __exit__(self, *_: object) -> None: ...

        def __iter__(self) -> Iterator[Any]:
            return self.entries

        def __next__(self) -> Any:
            return next(self.entries)

        def close(self) -> None: ...

    monkeypatch.setattr(os, "scandir", Reversed)
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(list(iterdir(self))[::-1]))
    second = load_dataset(str(tmp_path), SETTINGS)
    assert first.split_hash == second.split_hash
    assert first.train.images.equal(second.train.images)
    assert first.validation.labels.equal(second.validation.labels)


def test_a_copy_has_the_same_hash_and_a_changed_one_has_not(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    hashes = [load_dataset(str(tmp_path / name), SETTINGS).split_hash for name in ("one", "two")]
    assert hashes[0] == hashes[1]
    paint(tmp_path / "two" / "a" / "more.png")
    assert load_dataset(str(tmp_path / "two"), SETTINGS).split_hash != hashes[0]


def test_hidden_and_other_files_are_counted_and_extensions_have_no_case(tmp_path: Path) -> None:
    fill(tmp_path)
    paint(tmp_path / "a" / "UPPER.JPG", 10)
    for name in (".DS_Store", "._0.png", "notes.txt"):
        (tmp_path / "a" / name).write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "above").symlink_to(tmp_path)  # images of b under the label of a
    (tmp_path / "a" / "beside").symlink_to(tmp_path / "b")
    data = load_dataset(str(tmp_path), SETTINGS)
    assert len(data.train) + len(data.validation) + data.test_images == 16
    assert data.notes[:2] == ("2 hidden files skipped", "1 file that is no image of a class skipped (1 .txt)")


def test_unreadable_images_are_named_or_skipped(tmp_path: Path) -> None:
    fill(tmp_path / "train", 20)
    fill(tmp_path / "test", 1)
    bad = tmp_path / "train" / "b"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(noise).save(bad / "1.png")
    (bad / "1.png").write_bytes((bad / "1.png").read_bytes()[:600])
    (bad / "0.png").write_bytes(b"")
    paint(bad / "2.png", size=(3, 9))
    (bad / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(
        LemonadeError,
        match=r"4 of 61 images cannot be read: .*train/b/0\.png \(empty or not an image\).* "
        r"Repair or remove them, or leave them out with --skip-unreadable\.",
    ) as error:
        load_dataset(str(tmp_path), SETTINGS)
    assert "train/b/2.png (3x9 pixels, at least 4 a side are needed)" in str(error.value)
    assert "train/b/gone.png (no such file or directory)" in str(error.value)
    data = load_dataset(str(tmp_path), DataSettings.model_validate({"skip_unreadable": True}))
    assert len(data.train) + len(data.validation) == 57
    assert (data.train.images[:, 0, 0, 0] // 50).tolist() == data.train.labels.tolist()
    assert (data.validation.images[:, 0, 0, 0] // 50).tolist() == data.validation.labels.tolist()
    assert data.notes[0].startswith("4 unreadable images left out: ")


def test_only_ten_unreadable_images_are_named(tmp_path: Path) -> None:
    fill(tmp_path, 20)
    for path in (tmp_path / "a").iterdir():
        path.write_bytes(b"junk")
    with pytest.raises(LemonadeError, match=r"and 6 more\. Repair") as error:
        load_dataset(str(tmp_path), SETTINGS)
    assert str(error.value).count(".png") == 10
    with pytest.raises(LemonadeError, match="class 'a' has no images; at least 1 is needed for training"):
        load_dataset(str(tmp_path), DataSettings.model_validate({"skip_unreadable": True}))


def test_an_image_of_too_many_pixels_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", 1)
    paint(tmp_path / "train" / "a" / "huge.png", size=(40, 40))
    paint(tmp_path / "train" / "a" / "vast.png", size=(90, 90))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(LemonadeError, match=r"a/huge\.png \(more than 1,000 pixels\).*a/vast\.png \(more than 1,000"):
        load_dataset(str(tmp_path), SETTINGS)


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(LemonadeError, match=message) as error:
            load_dataset(str(tmp_path), SETTINGS)
        assert str(error.value).startswith(str(tmp_path))
        assert "\n" not in str(error.value)

    refused("expected a folder for each class with its images inside, found no folders")
    fill(tmp_path, classes="a")
    refused(r"at least 2 classes are needed, got 1 \(a\)")
    (tmp_path / "empty").mkdir()
    refused("class 'empty' has no images; at least 3 are needed for training, validation and test")
    paint(tmp_path / "empty" / "0.png")
    refused("class 'empty' has 1 image; at least 3 are needed")
    fill(tmp_path / "test", classes="ab")
    refused(r"there is test/ but no train/ with class folders")
    fill(tmp_path / "train", classes="ac")
    refused(r"train/ and test/ have different classes: 'c' only in train/, 'b' only in test/")
    shutil.rmtree(tmp_path / "test" / "b")
    (tmp_path / "test" / "c").mkdir()
    refused(r"class 'c' has no images; at least 1 is needed for test")
    fill(tmp_path / "val", classes="ac")
    fill(tmp_path / "valid", classes="ac")
    refused("more than one folder for validation")


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    scandir = os.scandir

    def deny(path: str) -> Any:  # the tests may run as root, whom no permission stops
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(LemonadeError, match=r"b: cannot be read \(Permission denied\)"):
        load_dataset(str(tmp_path), SETTINGS)


def test_one_coloured_image_makes_all_rgb(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", 1)
    for number in range(5):  # grey in all but name
        grey = (number * 9,) * 3
        Image.new("RGB", (8, 8), grey).save(tmp_path / "train" / "a" / f"{number}.png")
    assert load_dataset(str(tmp_path), SETTINGS).input_shape == (1, 8, 8)
    paint(tmp_path / "test" / "a" / "colour.png", mode="RGB")
    assert load_test(str(tmp_path), SETTINGS).images.shape == (4, 1, 8, 8)  # as in training, whatever test looks like
    paint(tmp_path / "train" / "a" / "colour.png", mode="RGB")
    assert load_dataset(str(tmp_path), SETTINGS).input_shape == (3, 8, 8)
    assert load_test(str(tmp_path), SETTINGS).images.shape == (4, 3, 8, 8)


def test_the_default_size_is_the_median_up_to_64(tmp_path: Path) -> None:
    for number, side in enumerate((10, 20, 20, 30, 200)):
        for name in "ab":
            paint(tmp_path / "train" / name / f"{number}.png", size=(side, side + 5))
    fill(tmp_path / "val", classes="ab")
    fill(tmp_path / "test", classes="ab")
    assert load_dataset(str(tmp_path), DataSettings.model_validate({"flip": True})).flip
    shutil.rmtree(tmp_path / "val")
    assert load_dataset(str(tmp_path), SETTINGS).input_shape == (1, 20, 20)
    assert load_dataset(str(tmp_path), DataSettings.model_validate({"image_size": 12})).input_shape == (1, 12, 12)
    large = tmp_path / "large"
    fill(large, size=(100, 90))
    assert load_dataset(str(large), SETTINGS).input_shape == (1, 64, 64)


def test_the_cache_saves_decoding_and_notices_changes(tmp_path: Path) -> None:
    folder, cache = tmp_path / "images", tmp_path / "cache"
    fill(folder / "train")
    fill(folder / "test", 1)
    (folder / "train" / "a" / "bad.png").write_bytes(b"junk")
    options = DataSettings.model_validate({"skip_unreadable": True, "image_size": 8})
    plain = load_dataset(str(folder), options)
    seen: list[tuple[int, int]] = []
    first = load_dataset(str(folder), options, cache, lambda done, total: seen.append((done, total)))
    assert seen == [(16, 16), (3, 3)]
    seen.clear()
    again = load_dataset(str(folder), options, cache, lambda done, total: seen.append((done, total)))
    assert seen == []
    for other in (first, again):
        assert plain.train.images.equal(other.train.images)
        assert plain.validation.labels.equal(other.validation.labels)
        assert plain.notes == other.notes
    again.train.images[:] = 7  # a mapped image may be written to without changing the cache
    assert load_dataset(str(folder), options, cache).train.images.equal(plain.train.images)
    paint(folder / "train" / "c" / "0.png", 250)
    load_dataset(str(folder), options, cache, lambda done, total: seen.append((done, total)))
    assert seen


def test_a_damaged_or_unwritable_cache_does_not_matter(tmp_path: Path) -> None:
    folder, cache = tmp_path / "images", tmp_path / "cache"
    fill(folder)
    plain = load_dataset(str(folder), SETTINGS, cache)
    (stored,) = cache.glob("*/images.npy")
    stored.write_bytes(stored.read_bytes()[:100])
    assert load_dataset(str(folder), SETTINGS, cache).train.images.equal(plain.train.images)
    (tmp_path / "file").write_text("in the way")
    assert load_dataset(str(folder), SETTINGS, tmp_path / "file").train.images.equal(plain.train.images)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []


def test_a_class_whose_name_is_no_text_is_refused_before_anything_is_searched(tmp_path):
    (tmp_path / "r/fine").mkdir(parents=True)
    try:
        (tmp_path / "r" / os.fsdecode(b"caf\xe9")).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(LemonadeError, match=r"class folder 'caf.*' is not UTF-8. Rename it"):
        list_folder(str(tmp_path / "r"))


def test_a_mended_image_is_read_again_although_size_and_time_are_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "set")
    settings = DataSettings.model_validate({"skip_unreadable": True})
    file = tmp_path / "set/a/0.png"
    whole, before = file.read_bytes(), file.stat()
    file.write_bytes(bytes(len(whole)))
    assert "1 unreadable" in " ".join(load_dataset(str(tmp_path / "set"), settings, tmp_path / "cache").notes)
    file.write_bytes(whole)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "unreadable" not in " ".join(load_dataset(str(tmp_path / "set"), settings, tmp_path / "cache").notes)


def test_a_user_without_a_home_has_no_cache_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    for name in ("LEMONADE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() is None
    monkeypatch.setenv("LEMONADE_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
