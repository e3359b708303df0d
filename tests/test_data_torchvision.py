"""torchvision's sets, by files in their format that the tests write and by stand-ins; nothing is downloaded here."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from lemonade.config import DataSettings
from lemonade.data import load_dataset, load_test
from lemonade.data.torchvision_sets import ENTRIES
from lemonade.errors import LemonadeError

SETTINGS = DataSettings.model_validate({})


def write_idx(path: Path, array: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """The format of MNIST: big-endian lengths, then bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(head + array.tobytes())


def write_mnist(folder: Path, train: int = 60, test: int = 20, prefix: str = "") -> None:
    for part, count, seed in ((f"{prefix}train", train, 0), (f"{prefix}test" if prefix else "t10k", test, 1)):
        images = np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEMONADE_DATA", str(tmp_path))
    return tmp_path


def test_mnist_from_its_own_files(root: Path) -> None:
    write_mnist(root / "MNIST" / "raw")
    data, test = load_dataset("mnist", SETTINGS), load_test("mnist", SETTINGS)
    assert (len(data.train), len(data.validation), data.test_images, len(test)) == (48, 12, 10_000, 20)
    assert data.input_shape == (1, 28, 28)
    assert data.classes[3] == "3 - three"
    assert not data.flip
    assert data.notes == ()
    assert test.labels.tolist() == [number % 10 for number in range(20)]


def test_files_lie_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEMONADE_DATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    write_mnist(tmp_path / ".cache" / "lemonade" / "datasets" / "FashionMNIST" / "raw")
    data = load_dataset("fashion_mnist", SETTINGS)
    assert data.classes[0] == "T-shirt/top"
    assert data.flip


def test_letters_stand_upright(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(torchvision.datasets.EMNIST.classes_split_dict, "balanced", [str(d) for d in range(10)])
    write_mnist(root / "EMNIST" / "raw", prefix="emnist-balanced-")
    raw = np.random.default_rng(1).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    assert np.array_equal(load_test("emnist", SETTINGS).images[0, 0].numpy(), raw[0].T)


def test_a_failed_download_is_one_clear_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        print("Downloading ...")
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    with pytest.raises(
        LemonadeError,
        match=rf"^dataset 'mnist' is not in {root} and could not be downloaded \(.*no route to host.*\)\. Connect to "
        r"the internet, put the files of torchvision\.datasets\.MNIST there, or set LEMONADE_DATA",
    ):
        load_dataset("mnist", SETTINGS)


def test_a_download_says_nothing_on_standard_output(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def download(self: object) -> None:
        print("Downloading ...")
        write_mnist(root / "MNIST" / "raw")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    assert len(load_dataset("mnist", SETTINGS).train) == 48
    assert capsys.readouterr().out == ""


def test_image_files_with_a_split_by_us_from_real_files(root: Path) -> None:
    for name in ("Forest", "River"):
        (root / "eurosat" / "2750" / name).mkdir(parents=True)
        for number in range(10):
            level = number * 10 + (100 if name == "River" else 0)
            path = root / "eurosat" / "2750" / name / f"{name}_{number}.png"
            Image.new("RGB", (80, 72), (level, 0, 255)).save(path)
    seen: list[int] = []
    data = load_dataset("eurosat", SETTINGS, root / "cache", lambda done, total: seen.append(total))
    assert (len(data.train), len(data.validation), data.test_images) == (13, 3, 4)
    assert data.input_shape == (3, 64, 64)
    assert data.classes == ("Forest", "River")
    assert data.notes == ("images brought to 64x64, the centre cut out",)
    assert ((data.train.images[:, 0, 0, 0] >= 100).long() == data.train.labels).all()
    assert seen == [20]
    test = load_test("eurosat", SETTINGS, root / "cache", lambda done, total: seen.append(total))
    assert len(test) == 4
    assert seen == [20]  # from the cache


class Flowers:
    """Stands in for a set of image files with three parts."""

    classes = (("iris", "flag"), ("rose",))

    def __init__(self, root: Path, split: str, download: bool = False) -> None:
        self.level = {"train": 10, "val": 20, "test": 30}[split]
        if split == "test":
            Flowers.opened = True

    opened = False

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.new("RGB", (16 + index, 40), (self.level, 0, index % 2)), index % 2


def test_parts_of_the_sets_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "Flowers102", Flowers)
    data = load_dataset("flowers102", SETTINGS)
    assert not Flowers.opened
    assert set(data.train.images[:, 0].unique().tolist()) == {10}
    assert set(data.validation.images[:, 0].unique().tolist()) == {20}
    assert data.test_images == 6149
    assert data.classes == ("iris", "rose")
    test = load_test("flowers102", SETTINGS)
    assert test.images.shape == (6, *data.input_shape)
    assert set(test.images[:, 0].unique().tolist()) == {30}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_fits_torchvision(name: str) -> None:
    entry = ENTRIES[name]
    kind = getattr(torchvision.datasets, entry.kind)
    for arguments in (entry.train, entry.test, entry.validation):
        if arguments is not None and not (arguments is entry.test and entry.test_images is None):
            inspect.signature(kind.__init__).bind(None, "root", download=True, **arguments)
    assert entry.test_images is None or entry.test != entry.train
