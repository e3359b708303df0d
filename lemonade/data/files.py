"""Single image files, prepared as the images of a data set were, without the data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from lemonade.config import Fit
from lemonade.data.cache import Array
from lemonade.data.decode import channels_first, decode_with, file_opener, to_array, upright
from lemonade.data.fitting import fit_tensors
from lemonade.data.listing import EXTENSIONS
from lemonade.facts import DataFacts


def image_files(folder: Path) -> list[Path]:
    """The images of a folder and of the folders in it, in order of path; hidden ones are left out.

    Raises:
        OSError: if a folder may not be read.
    """
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_dir() and not path.is_symlink():  # a link may lead back to where we are
            yield from _walk(path)
        elif path.suffix.lower() in EXTENSIONS and path.is_file():
            yield path


def read_files(files: Sequence[Path], facts: DataFacts, fit: Fit) -> tuple[Tensor, dict[int, str]]:
    """Read image files and prepare them as the images of a run were: grey or RGB, and brought to size.

    Args:
        files: Of any size and format that Pillow reads.
        facts: Of the run's data set.
        fit: The run's `data.fit`.

    Returns:
        uint8 (M, C, H, W) of those that could be read, in order; and why the others could not, by position.
    """
    channels, height, width = facts.input_shape
    grey = channels == 1
    prepare = (
        partial(to_array, side=height, fit=fit, grey=grey)
        if facts.decoded
        else partial(_fitted, shape=facts.input_shape, fit=fit)
    )
    pixels, _, failures = decode_with(
        prepare, file_opener([os.fspath(path) for path in files]), len(files), (channels, height, width)
    )
    return torch.from_numpy(pixels), failures


def _fitted(image: Image.Image, shape: Sequence[int], fit: Fit) -> Array:
    """One image brought to size as images that came as arrays are."""
    channels, height, width = shape
    pixels = torch.from_numpy(channels_first(upright(image, grey=channels == 1)).copy())
    return fit_tensors(pixels[None], height, width, fit)[0].numpy()
