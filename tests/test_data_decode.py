"""One image file becomes an array: modes, orientation, size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lemonade.data.decode import to_array


def reopened(image: Image.Image, path: Path, **options: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image.save(path, **options)
    with Image.open(path) as opened:
        return to_array(opened, 8, "crop")


def test_modes_become_grey_or_rgb(tmp_path: Path) -> None:
    png = tmp_path / "image.png"
    grey = reopened(Image.new("L", (8, 8), 77), png)
    assert grey.shape == (1, 8, 8)
    assert (grey == 77).all()
    assert (reopened(Image.fromarray(np.full((8, 8), 51400, np.uint16)), png) == 200).all()  # 16 bit: 200 * 257
    assert (reopened(Image.new("1", (8, 8), 1), png) == 255).all()
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert reopened(palette, png)[:, 0, 0].tolist() == [10, 20, 30]
    assert reopened(palette, png, transparency=1)[:, 0, 0].tolist() == [255, 255, 255]
    half = reopened(Image.new("RGBA", (8, 8), (0, 100, 200, 128)), png)[:, 0, 0]
    assert np.abs(half.astype(int) - [127, 177, 227]).max() <= 1
    assert reopened(Image.new("LA", (8, 8), (0, 0)), png)[:, 0, 0].tolist() == [255, 255, 255]
    keyed = reopened(Image.new("RGB", (8, 8), (1, 2, 3)), png, transparency=(1, 2, 3))
    assert keyed[:, 0, 0].tolist() == [255, 255, 255]
    cmyk = reopened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), tmp_path / "image.jpg", quality=100)
    assert np.abs(cmyk[:, 0, 0].astype(int) - [255, 0, 0]).max() <= 8


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="floating point numbers; save it with 8 or 16 bits"):
        reopened(Image.fromarray(np.ones((8, 8), np.float32)), tmp_path / "image.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_orientation_is_respected(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 32), np.uint8)
    upright[:16, :16], upright[:16, 16:] = 240, 120  # bright top left, grey top right, black bottom
    # how the camera stores what is upright, by the tag it writes (EXIF 2.3, 4.6.4)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    array = reopened(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "image.jpg", exif=exif, quality=95)
    corners = array[0, [1, 1, 6, 6], [1, 6, 1, 6]].astype(int)
    assert np.abs(corners - [240, 120, 0, 0]).max() < 12


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (9, 31), (50, 40), (8, 8)])
def test_the_short_side_is_resized_and_the_centre_cut_out(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, width)[None]
    ramp[..., 1] = np.linspace(0, 255, height)[:, None]
    array = reopened(Image.fromarray(ramp), tmp_path / "image.png").astype(float)
    assert array.shape == (3, 8, 8)
    # the ramp seen through the centre: its middle stays in the middle, its span shrinks with the part cut away
    assert abs(array[:2].mean() - 127.5) < 2
    short = min(size)
    for channel, length in ((0, width), (1, height)):
        line = array[channel].mean(0 if channel == 0 else 1)
        assert (np.diff(line) > 0).all()
        assert line[-1] - line[0] == pytest.approx(255 * short / (length - 1) * 7 / 8, rel=0.1)
