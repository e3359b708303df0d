"""Networks as ONNX, by torch's exporter, for whoever writes them to a file or times them."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram
    from torch.onnx import ONNXProgram

INPUT, OUTPUT = "images", "logits"


def onnx_program(network: nn.Module | ExportedProgram, images: Tensor | None = None) -> ONNXProgram:
    """A network in ONNX, in the opset that torch recommends; about two seconds.

    Args:
        network: In eval mode, or traced already.
        images: What it takes; not needed if it is traced, with the number of images free.
    """
    import torch

    with silence():
        program = torch.onnx.export(
            network,
            () if images is None else (images,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            # of a traced network the sizes are free already, but without names
            dynamic_shapes={INPUT: {0: "batch"}} if images is None else None,
            verbose=False,
        )
    assert program is not None
    return program


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """The exporters' remarks on their own workings are nothing a user can act on."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
