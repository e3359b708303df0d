"""Ways to bring images to a size: what is kept, where it lies, and that tensors and Pillow's images agree on it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lemonade.config import FIT_WORDS
from lemonade.data import load_dataset, load_test
from lemonade.data.fitting import fit_image, fit_tensors
from lemonade.errors import LemonadeError
from lemonade.settings import make_config

sides = st.integers(4, 80)


def edges(height, width):
    """An image whose outermost rows and columns are marked, on grey."""
    image = np.full((height, width), 100, dtype=np.uint8)
    image[0], image[-1], image[:, 0], image[:, -1] = 200, 200, 200, 200
    return image


@pytest.mark.parametrize("fit", FIT_WORDS)
@given(height=sides, width=sides, side=st.integers(4, 40))
def test_the_size_is_met_and_black_is_added_by_padding_alone(fit, height, width, side):
    image = edges(height, width)
    found = fit_tensors(torch.from_numpy(image)[None, None], side, side, fit)[0, 0].numpy()
    pillow = np.asarray(fit_image(Image.fromarray(image), side, fit))
    assert found.shape == pillow.shape == (side, side)
    assert ((found == 0) == (pillow == 0)).all()
    inside = found > 0
    if fit != "pad" or height == width:
        assert inside.all()
        return
    rows, columns = inside.any(axis=1).nonzero()[0], inside.any(axis=0).nonzero()[0]
    assert inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # one rectangle ...
    assert max(len(rows), len(columns)) == side  # ... as large as may be ...
    shorter, longer = sorted((height, width))
    assert min(len(rows), len(columns)) == pytest.approx(max(1, side * shorter / longer), abs=0.51)  # ... of its shape
    for found_in in (rows, columns):
        assert abs(found_in[0] - (side - 1 - found_in[-1])) <= 1  # in the middle


def test_what_is_kept_of_an_image_that_is_not_square():
    image = torch.full((1, 1, 10, 30), 100, dtype=torch.uint8)
    image[..., :10] = 200  # a third at the left, cut off by a crop
    kept = {fit: int((fit_tensors(image, 10, 10, fit) > 150).sum()) for fit in FIT_WORDS}
    assert kept["crop"] == 0
    assert kept["pad"] == pytest.approx(3 * 3, abs=3)
    assert kept["stretch"] == pytest.approx(3 * 10, abs=10)


@pytest.mark.parametrize("fit", FIT_WORDS)
def test_all_splits_of_a_data_set_are_treated_alike(tmp_path, fit):
    images = np.stack([edges(12, 24)] * 30)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(30) % 3)
    name = str(tmp_path / "set.npz")
    config = make_config(None, {"dataset": name, "image_size": 8, "data.fit": fit})
    data, test = load_dataset(name, config.data), load_test(name, config.data)
    assert data.notes == (f"images resized from 12x24 to 8x8, {FIT_WORDS[fit]}",)
    for split in (data.train, data.validation, test):
        assert torch.equal(split.images[:1], fit_tensors(torch.from_numpy(images[:1, None]), 8, 8, fit))


def test_a_cache_keeps_the_ways_apart(tmp_path):
    for number in range(30):
        (tmp_path / f"set/{'ab'[number % 2]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(edges(12, 24)).save(tmp_path / f"set/{'ab'[number % 2]}/{number}.png")
    made = [
        load_dataset(str(tmp_path / "set"), make_config(None, {"data.fit": fit}).data, tmp_path / "cache").train.images
        for fit in FIT_WORDS
    ]
    assert len({images.numpy().tobytes() for images in made}) == 3


def test_an_unknown_way_is_one_line():
    with pytest.raises(LemonadeError, match="data.fit.*'crop', 'pad' or 'stretch'"):
        make_config(None, {"data.fit": "zoom"})
