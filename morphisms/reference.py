"""fvcore's counts, the reference that the closed forms of `morphisms.cost` are held against. The only use of fvcore."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from morphisms.graph import NetworkGraph
from morphisms.module import build_module


def fvcore_costs(graph: NetworkGraph) -> tuple[int, int]:
    """Parameters and multiply-adds (batch 1, eval mode) of a network as fvcore counts them; takes milliseconds."""
    return module_costs(build_module(graph).eval(), graph.input_shape)


def module_costs(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Parameters and multiply-adds of any module in eval mode, for one image (C, H, W), as fvcore counts them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # fvcore decorates with a deprecated name of torch's
        warnings.simplefilter("ignore", DeprecationWarning)
        from fvcore.nn import FlopCountAnalysis, parameter_count

        counts = FlopCountAnalysis(module, torch.zeros(1, *input_shape))
        counts.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("all")
        return int(parameter_count(module)[""]), int(counts.total())
