"""Bringing images to a size in the ways of `data.fit`: tensors, and Pillow's images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from lemonade.config import Fit


def fit_tensors(images: Tensor, height: int, width: int, fit: Fit) -> Tensor:
    """Images brought to a size, bilinearly.

    Args:
        images: uint8, (N, C, H, W).
        height: Wanted.
        width: Wanted.
        fit: ``"crop"`` resizes until they just cover the size and cuts the centre out, ``"pad"`` until they just lie
            within and adds zeros around, ``"stretch"`` either side by itself.

    Returns:
        uint8, (N, C, height, width).
    """
    if tuple(images.shape[2:]) == (height, width):
        return images
    inner = _inner((images.shape[2], images.shape[3]), (height, width), fit)
    top, left = (_before(wanted - got) for wanted, got in zip((height, width), inner, strict=True))
    edges = (left, width - inner[1] - left, top, height - inner[0] - top)  # negative ones are cut off
    parts = []
    for part in torch.split(images, 1024):  # floats take four times the memory
        floats = F.interpolate(part.float(), size=inner, mode="bilinear", antialias=True, align_corners=False)
        parts.append(F.pad(floats, edges).round_().clamp_(0, 255).to(torch.uint8))
    return torch.cat(parts)


def fit_image(image: Image.Image, side: int, fit: Fit) -> Image.Image:
    """A grey or RGB image brought to a square, bicubically; as `fit_tensors`."""
    width, height = image.size
    if width == height == side:
        return image
    if fit == "crop":  # only what is kept is resized
        short = min(width, height)
        left, top = (width - short) / 2, (height - short) / 2
        box = (left, top, left + short, top + short)
        return image.resize((side, side), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    inner = _inner((height, width), (side, side), fit)
    resized = image.resize((inner[1], inner[0]), Image.Resampling.BICUBIC, reducing_gap=3.0)
    if inner == (side, side):
        return resized
    padded = Image.new(image.mode, (side, side))
    padded.paste(resized, (_before(side - inner[1]), _before(side - inner[0])))
    return padded


def _inner(given: tuple[int, int], wanted: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Height and width of a whole image once it is resized."""
    if fit == "stretch":
        return wanted
    scales = [want / have for want, have in zip(wanted, given, strict=True)]
    if fit == "crop":
        return max(wanted[0], round(given[0] * max(scales))), max(wanted[1], round(given[1] * max(scales)))
    height, width = (min(want, max(1, round(have * min(scales)))) for want, have in zip(wanted, given, strict=True))
    return height, width


def _before(gap: int) -> int:
    """Of a gap, what lies before the image, as Pillow's `ImageOps.pad` rounds it; a negative one is cut away."""
    return round(gap / 2) if gap > 0 else -(-gap // 2)
