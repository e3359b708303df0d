"""What of a child's training depends on data set and processor: batch, number format, memory layout, crop.

All are pure functions of the settings, the data set and the processor's flags, never of a timing: two runs of the same
config on the same machine agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lemonade.config import TrainingSettings
from lemonade.data import Dataset

SMALL_SET = 5_000  # training images below which more steps are worth more than faster ones
LARGE_SIDE = 24  # pixels; from there on a core is busy with 64 images, and more of them leave its cache
BFLOAT16_SIDE = 16  # pixels; below it casting costs what faster products save
CROP_SIDE = 16  # pixels; below it a shift of one pixel already loses too much
CROP = 0.0625


@dataclass(frozen=True)
class Engine:
    """What `engine_choices` decided.

    Attributes:
        batch_size: Images a step.
        dtype: Format of activations in forward and backward; weights and their updates are always float32.
        channels_last: Whether images and convolution weights lie NHWC in memory while training.
        crop: Padding of the random crop as a share of the side.
    """

    batch_size: int
    dtype: torch.dtype
    channels_last: bool
    crop: float


@dataclass(frozen=True)
class ChildBudget:
    """How many training images networks see.

    Attributes:
        child: A child.
        initial: A network that starts a search, with no parent to inherit from.
    """

    child: int
    initial: int

    @classmethod
    def of(cls, settings: TrainingSettings, train_images: int) -> ChildBudget:
        """What the settings say for so many training images.

        A child sees sixteen epochs, 8,000 to 96,000 images, unless set; an initial network two to four times that,
        thirty-two epochs where that lies in between. All that an initial network learns goes on to its descendants, so
        its long training costs each of them little.

        Test hypervolume of single searches on CIFAR-10 (16x16, 10,000 images, 5.5 M examples, four start networks; one
        search tells no finer than .01 to .02) with children of 24,000, 48,000 and 96,000, initial networks of 192,000:
        .579, .600, .616; with initial networks of 48,000 and children of 24,000 .573
        (`runs/results/inheritance/constants-cifar10`). With 40,000 images, five start networks, children of 96,000 and
        initial networks of 192,000 .619 and .622, of 384,000 .633, of 768,000 .638 (`cifar10-40k` and
        `constants-cifar10-40k` there; the last spends 70 % of its images on five start networks). On digits (1,150
        images, 60 s, 3 seeds, mean by the smoothed validation error) children of 9,200, 18,400 and 36,800: .9720,
        .9734, .9658; with initial networks of four times a child's images in place of two .975 in place of .981 (test,
        3 seeds, 2 M images).
        """
        child = settings.child_examples or min(max(16 * train_images, 8_000), 96_000)
        factor = settings.initial_factor or min(max(train_images / 3_000, 2.0), 4.0)
        return cls(child, round(factor * child))


def engine_choices(settings: TrainingSettings, dataset: Dataset, device: torch.device | str) -> Engine:
    """Decide how children are trained on a data set and a device."""
    device = torch.device(device)
    images = dataset.train.images
    side = min(images.shape[-2:])
    bfloat16 = settings.bfloat16
    if bfloat16 is None:
        bfloat16 = side >= BFLOAT16_SIDE and fast_bfloat16(device)
    return Engine(
        batch_size=min(settings.batch_size or _batch_size(len(images), side, device), len(images)),
        dtype=torch.bfloat16 if bfloat16 else torch.float32,
        # oneDNN's kernels want NHWC in every format (1.07 to 1.6 times as fast), cuDNN's only in half precision
        channels_last=device.type == "cpu" or bfloat16,
        crop=settings.crop if settings.crop is not None else CROP * (side >= CROP_SIDE),
    )


def _batch_size(images: int, side: int, device: torch.device) -> int:
    """50, 64 or 128: the largest that still gains speed.

    Chains of 24,000 and 94,000 parameters at 32x32 on one core, images/s at 64, 128, 256: 5,900, 5,800, 3,900 and
    2,700, 2,500, 2,100; the first one's error on CIFAR-10 after the same images: .369, .378, .405. On 8x8 digits 25,
    50, 100 gave .014, .013, .016 (mean of four networks), and 25 takes twice as long as 50.
    """
    if images < SMALL_SET:
        return 50
    return 64 if side >= LARGE_SIDE and device.type == "cpu" else 128


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 faster than float32 (elsewhere it is emulated, and slower)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        flags = torch.cpu.get_capabilities()
        return bool(flags.get("amx_bf16") or flags.get("avx512_bf16"))
    return False
