"""Training steps as CUDA graphs: one launch a step, where Python launches a hundred kernels or two.

A step of a network of 100,000 parameters is over on a large GPU long before Python has asked for its next kernel, so
step by step the GPU waits; a graph is recorded once and then started as one piece.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

Rate = float | Tensor
Step = Callable[[Tensor, Tensor, Rate], Tensor]
"""One training step: images, targets and learning rate to the mean loss, detached."""

WARM_UP = 3
"""Steps before the recording, in which libraries choose kernels and buffers come to be; they train as any other."""
WORTHWHILE = 20
"""Steps below which recording costs more than it saves."""


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings on a device: libraries keep a workspace for each stream that they have seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def fastest(step: Step, device: torch.device, steps: int, graphs: bool) -> Step:
    """The step itself or, on CUDA and where it pays, its recording."""
    return CapturedStep(step, device) if graphs and device.type == "cuda" and steps >= WORTHWHILE else step


class CapturedStep:
    """Runs a step a few times as it is, then records it and replays the recording with other images.

    The replayed step reads and writes the memory that it was recorded with: batches are copied there, and the loss that
    is returned is overwritten by the next step. A step that cannot be recorded (it waits for the GPU, say) goes on as
    it is.

    Args:
        step: All that happens in a step; images and targets must keep their shapes.
        device: A CUDA device.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self._step = step
        self._stream = _stream(device)
        self._rate = torch.zeros((), device=device)
        self._given: tuple[Tensor, Tensor] | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss: Tensor | None = None
        self._done = 0
        self._refused = False

    def __call__(self, images: Tensor, targets: Tensor, rate: Rate) -> Tensor:
        """Take a step; the loss is valid until the next one."""
        if self._refused:
            return self._step(images, targets, rate)
        if self._given is None:
            self._given = (torch.empty_like(images), torch.empty_like(targets))
        for place, given in zip(self._given, (images, targets), strict=True):
            place.copy_(given)
        self._rate.fill_(rate)
        if self._done < WARM_UP:
            self._done += 1
            return self._beside()
        if self._graph is None and not self._record():
            return self._step(images, targets, rate)
        assert self._graph is not None
        assert self._loss is not None
        self._graph.replay()
        return self._loss

    def _beside(self) -> Tensor:
        """A step on the stream that is recorded later."""
        assert self._given is not None
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = self._step(*self._given, self._rate)
        current.wait_stream(self._stream)
        return loss

    def _record(self) -> bool:
        """Record a step without taking it; returns whether that was possible."""
        assert self._given is not None
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._stream.device)
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._loss = self._step(*self._given, self._rate)
        except RuntimeError as error:
            torch.cuda.set_stream(current)  # torch leaves the other one behind where the end of a recording fails
            if isinstance(error, torch.OutOfMemoryError):
                raise
            self._refused = True
            return False
        self._graph = graph
        return True
