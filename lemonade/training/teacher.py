"""What a better network makes of the training images, learnt from beside their labels (Hinton et al. 2015).

An opinion is the softmax that a teacher has for an image and, where it may be mirrored, its mirror image together. It
is asked once for each image, not for each of its shifts, so that the many children of one teacher share what it costs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lemonade.data import Dataset
from lemonade.training.measure import BATCH, as_read


class Teacher:
    """A network and the opinions that it was asked for so far.

    Args:
        module: Takes normalised images (n, C, H, W) to logits (n, classes); moved to where the images are, and left in
            eval mode.
        dataset: Images to have opinions of: its training split.
    """

    def __init__(self, module: nn.Module, dataset: Dataset) -> None:
        images = dataset.train.images
        self._module = module.to(images.device).eval()
        self._dataset = dataset
        self._opinions = torch.zeros(len(images), len(dataset.classes), device=images.device)
        self._asked = torch.zeros(len(images), dtype=torch.bool, device=images.device)

    def ask(self, indices: Tensor) -> None:
        """Have an opinion of the training images at these positions (n,), any of them more than once."""
        new = torch.unique(indices[~self._asked[indices]])
        with torch.inference_mode():
            for some in torch.split(new, BATCH) if len(new) else ():
                # the last batch is filled up, since kernels for other sizes round otherwise: an opinion must not depend
                # on which other children a worker had
                full = torch.cat([some, some[:1].expand(BATCH - len(some))])
                self._opinions[some] = self._asked_for(self._dataset.train.images[full])[: len(some)]
        self._asked[new] = True

    def opinions(self, indices: Tensor) -> Tensor:
        """Probabilities, float32 (n, classes), of images that it was asked for."""
        return self._opinions[indices]

    def _asked_for(self, images: Tensor) -> Tensor:
        views = [images, images.flip(3)] if self._dataset.flip else [images]
        logits = [self._module(as_read(view, self._dataset)).float() for view in views]
        return torch.stack(logits).mean(dim=0).softmax(dim=1)
