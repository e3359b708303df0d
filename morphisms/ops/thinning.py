"""A strided 1x1 convolution that trains safely on CPUs."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ThinningConv2d(nn.Conv2d):
    """A 1x1 convolution with a stride: what the stride passes over is left out before it, where it trains on a CPU.

    Under AVX2, oneDNN's gradient of the weights of such a convolution writes past its workspace where channels lie last
    and are fewer than eight (uxlfoundation/oneDNN issue 6035, open with torch 2.14): processes end with a corrupted
    heap, or gradients are wrong. Without a stride it takes another way. In eval mode all is `nn.Conv2d`'s.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (the name is torch's)
        """(N, C, H, W) to (N, channels, ceil(H/s), ceil(W/s))."""
        if not self.training or input.device.type != "cpu":
            return super().forward(input)
        down, right = self.stride
        return functional.conv2d(input[:, :, ::down, ::right], self.weight, self.bias, groups=self.groups)
