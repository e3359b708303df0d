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
