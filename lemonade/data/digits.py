"""scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, part of the package, so no download."""

from __future__ import annotations

import numpy as np
import torch

from lemonade.data.arrays import Arrays, ArraySource
from lemonade.data.base import Request, Split


def _read(request: Request) -> Arrays:
    from sklearn.datasets import load_digits  # takes a second, which other data sets need not pay

    digits = load_digits()
    # 17 levels, 0 to 16, spread over 0 to 255
    images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None])
    labels = torch.from_numpy(digits.target.astype(np.int64))
    return Arrays(Split(images, labels), classes=tuple("0123456789"))


DIGITS = ArraySource(_read)
