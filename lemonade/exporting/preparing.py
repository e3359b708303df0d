"""Lines of a card that prepare an image file as the run's images were: what `lemonade.data.files` does, in the open."""

from __future__ import annotations

from lemonade.config import Fit
from lemonade.history import Run

_DECODED: dict[Fit, tuple[str, ...]] = {
    "crop": (
        "short = min(image.size)",
        "left, top = (image.width - short) / 2, (image.height - short) / 2",
        "box = (left, top, left + short, top + short)",
        "image = image.resize(({width}, {height}), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)",
    ),
    "pad": (
        "scale = min({width} / image.width, {height} / image.height)",
        "width, height = (min({width}, max(1, round(side * scale))) for side in image.size)",
        "inner = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)",
        'image = Image.new("{mode}", ({width}, {height}))',
        "image.paste(inner, (round(({width} - width) / 2), round(({height} - height) / 2)))",
    ),
    "stretch": ("image = image.resize(({width}, {height}), Image.Resampling.BICUBIC, reducing_gap=3.0)",),
}
"""Of a run that decoded image files, which are brought to size by Pillow."""
_ARRAYS: dict[Fit, tuple[str, ...]] = {
    "crop": (
        "scale = max({height} / image.height, {width} / image.width)",
        "height, width = max({height}, round(image.height * scale)), max({width}, round(image.width * scale))",
        'images = functional.interpolate(images, size=(height, width), mode="bilinear", antialias=True)',
        "top, left = (height - {height}) // 2, (width - {width}) // 2",
        "images = images[:, :, top : top + {height}, left : left + {width}]",
    ),
    "pad": (
        "scale = min({height} / image.height, {width} / image.width)",
        "height, width = min({height}, max(1, round(image.height * scale))), "
        "min({width}, max(1, round(image.width * scale)))",
        'images = functional.interpolate(images, size=(height, width), mode="bilinear", antialias=True)',
        "top, left = round(({height} - height) / 2), round(({width} - width) / 2)",
        "images = functional.pad(images, (left, {width} - width - left, top, {height} - height - top))",
    ),
    "stretch": ('images = functional.interpolate(images, size=({height}, {width}), mode="bilinear", antialias=True)',),
}
"""Of a run whose images came as arrays, which are brought to size by torch."""


def preparing_lines(run: Run) -> list[str]:
    """Python from the file ``photo.jpg`` to `images`, float32 (1, C, H, W) in [0, 1]."""
    channels, height, width = run.facts.input_shape
    mode = "L" if channels == 1 else "RGB"
    fit = (_DECODED if run.facts.decoded else _ARRAYS)[run.config.data.fit]
    resizing = [line.format(width=width, height=height, mode=mode) for line in fit]
    to_tensor = [
        f"pixels = torch.from_numpy(numpy.array(image)).reshape(image.height, image.width, {channels}).float()",
        "images = pixels.permute(2, 0, 1)[None]",
    ]
    opening = ['image = Image.open("photo.jpg")']
    if run.facts.decoded:  # a large JPEG is decoded at a fraction of its size
        opening.append(f"image.draft(None, ({2 * width}, {2 * height}))")
    return [
        "import numpy, torch",
        "from PIL import Image, ImageOps",
        *([] if run.facts.decoded else ["from torch.nn import functional"]),
        *opening,
        'image = ImageOps.exif_transpose(image).convert("RGBA")',
        f'image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("{mode}")',
        *([*resizing, *to_tensor] if run.facts.decoded else [*to_tensor, *resizing]),
        "images = images / 255" if run.facts.decoded else "images = images.round().clamp(0, 255) / 255",
    ]
