"""Image files to arrays, in threads: Pillow decodes outside the interpreter's lock."""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lemonade.config import Fit
from lemonade.data.arrays import LARGEST_DEFAULT_SIDE
from lemonade.data.base import SMALLEST_SIDE, OnProgress
from lemonade.data.cache import Array
from lemonade.data.fitting import fit_image
from lemonade.errors import UnreadableImagesError

_CHUNK = 128  # images a task
_SAMPLE = 1000  # images whose size is looked at for the default side
_NAMED = 10  # unreadable images that an error names
_ORIENTATION = 0x0112  # EXIF tag
_ADVICE = "Repair or remove them, or leave them out with --skip-unreadable."

Opener = Callable[[int], Image.Image]


def file_opener(files: Sequence[str]) -> Opener:
    """An opener for image files."""
    return lambda position: Image.open(files[position])


def default_side(open_image: Opener, count: int) -> int:
    """The median short side of up to 1,000 images spread over all, between 4 and 64 pixels.

    Args:
        open_image: Opens the image of a position; only its size is read.
        count: Number of images.
    """
    sides = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for position in np.linspace(0, count - 1, min(count, _SAMPLE), dtype=np.int64).tolist():
            try:
                with open_image(position) as image:
                    sides.append(min(image.size))
            except Exception:  # decoding will say what is wrong with it
                continue
    median = int(statistics.median_low(sides)) if sides else LARGEST_DEFAULT_SIDE
    return max(SMALLEST_SIDE, min(median, LARGEST_DEFAULT_SIDE))


def decode(
    open_image: Opener, count: int, side: int, fit: Fit, channels: int | None = None, progress: OnProgress | None = None
) -> tuple[Array, dict[int, str]]:
    """Decode images to one size.

    Args:
        open_image: Opens the image of a position; called from several threads.
        count: Number of images.
        side: Height and width wanted.
        fit: See `lemonade.data.fitting`.
        channels: 1 or 3; None gives 1 if all images are grey.
        progress: Called with (images done, all) from the calling thread.

    Returns:
        uint8 (M, channels, side, side) of those that could be read, in order; and why the others could not, by
        position.
    """
    prepare = partial(to_array, side=side, fit=fit, grey=channels == 1)
    pixels, colourful, failures = decode_with(prepare, open_image, count, (channels or 3, side, side), progress)
    if channels is None and not colourful.any():
        pixels = np.ascontiguousarray(pixels[:, :1])
    return pixels, failures


def undecodable(
    open_image: Opener, count: int, side: int, fit: Fit, channels: int, progress: OnProgress | None = None
) -> dict[int, str]:
    """Why images cannot be decoded, by position: those that `decode` with the same arguments would name.

    Nothing of what the others show is kept.
    """
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)

    def look(image: Image.Image) -> Array:
        to_array(image, side, fit, channels == 1)
        return nothing

    return decode_with(look, open_image, count, nothing.shape, progress)[2]


def decode_with(
    prepare: Callable[[Image.Image], Array],
    open_image: Opener,
    count: int,
    shape: tuple[int, int, int],
    progress: OnProgress | None = None,
) -> tuple[Array, Array, dict[int, str]]:
    """Decode images by a function of one's own.

    Args:
        prepare: Gives uint8 (1 or 3, H, W); called from several threads.
        open_image: As in `decode`.
        count: Number of images.
        shape: Channels, height and width wanted; one channel spreads over three.
        progress: As in `decode`.

    Returns:
        uint8 (M, channels, H, W) of those that could be read, in order; bool (count,) whether each has colours; and why
        the others could not be read, by position.
    """
    pixels = np.empty((count, *shape), dtype=np.uint8)
    colourful = np.zeros(count, dtype=bool)
    failures: dict[int, str] = {}

    def work(start: int) -> None:
        for position in range(start, min(start + _CHUNK, count)):
            try:
                with open_image(position) as image:
                    array = prepare(image)
            except Exception as error:  # Pillow's formats raise whatever their parsers raise
                failures[position] = _reason(error)
                continue
            pixels[position] = array
            colourful[position] = array.shape[0] == 3 and bool((array[0] != array[1:]).any())

    # filters are the process's own, so they are set once around all threads
    with warnings.catch_warnings(), ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        starts = range(0, count, _CHUNK)
        for start, _ in zip(starts, pool.map(work, starts), strict=True):
            if progress is not None:
                progress(min(start + _CHUNK, count), count)
    if failures:
        pixels = np.delete(pixels, list(failures), axis=0)
    return pixels, colourful, dict(sorted(failures.items()))


def check_failures(
    where: str, names: Sequence[str], failures: Mapping[int, str], skip: bool, advice: str = _ADVICE
) -> None:
    """Stop for images that could not be read.

    Args:
        where: What the error begins with.
        names: Of all images, those that could be read too.
        failures: Reasons by position.
        skip: Go on without them, unless none could be read.
        advice: What to do.

    Raises:
        UnreadableImagesError: naming the first ten, with reasons.
    """
    if not failures or (skip and len(failures) < len(names)):
        return
    named = ", ".join(f"{names[position]} ({reason})" for position, reason in list(failures.items())[:_NAMED])
    more = f" and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    if len(failures) == len(names):
        found = f"{where}: none of the {len(names)} images can be read: {named}{more}."
        raise UnreadableImagesError(found, "Replace them.")
    raise UnreadableImagesError(
        f"{where}: {len(failures)} of {len(names)} images cannot be read: {named}{more}.", advice
    )


def to_array(image: Image.Image, side: int, fit: Fit, grey: bool = False) -> Array:
    """One image as uint8 (1 or 3, side, side), upright.

    Args:
        image: An opened image; it need not be decoded yet.
        side: Height and width wanted.
        fit: See `lemonade.data.fitting`.
        grey: Turn colours into grey, so that there is one channel.

    Raises:
        ValueError: if the image has a side below 4 pixels or a pixel format that is not understood.
        OSError: if it cannot be decoded.
    """
    image.draft(None, (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
    return channels_first(fit_image(upright(image, grey), side, fit))


def upright(image: Image.Image, grey: bool = False) -> Image.Image:
    """An opened image the way up it was taken, as 8 bit grey or RGB, of its own size.

    Raises:
        ValueError: as `to_array`.
        OSError: as `to_array`.
    """
    if min(image.size) < SMALLEST_SIDE:
        raise ValueError(f"{image.width}x{image.height} pixels, at least {SMALLEST_SIDE} a side are needed")
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    plain = _plain(image)
    return plain.convert("L") if grey else plain


def channels_first(plain: Image.Image) -> Array:
    """Pixels of a grey or RGB image: uint8, (1 or 3, H, W)."""
    array = np.asarray(plain)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _plain(image: Image.Image) -> Image.Image:
    """The image as 8 bit grey or RGB; what is transparent is laid on white."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bit, whatever the mode's name says about the container
        values = np.asarray(image).clip(0, 65535)
        return Image.fromarray((values // 257).astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "F":
        raise ValueError("pixels are floating point numbers; save it with 8 or 16 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    """Why an image could not be read, in a few words."""
    if isinstance(error, OSError) and error.strerror:  # the system's own words; all else names the file again
        return error.strerror.lower()
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return f"more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels"
    if isinstance(error, UnidentifiedImageError):
        return "empty or not an image"
    text = str(error) or type(error).__name__
    return text.splitlines()[0][:80]
