"""How fast are training steps on a GPU, run kernel by kernel and recorded, and do trainings repeat bit by bit?

``python runs/recipes/gpu_steps.py FOLDER`` trains chains on the images of a folder at 32x32, 400 steps each, and prints
a line a network and batch: images a second, milliseconds a step and the last loss; then whether the same training, done
three times, ends in the same bits.
"""

from __future__ import annotations

import sys
import time

import torch

from lemonade.config import DataSettings, TrainingSettings
from lemonade.data import Dataset, load_dataset
from lemonade.spaces.network import chain
from lemonade.training import Trained, train
from morphisms import NetworkGraph, build_module, params

STEPS = 400
CHAINS = ((8, 3), (16, 4), (48, 6))


def trained(graph: NetworkGraph, data: Dataset, batch: int, graphs: bool) -> tuple[Trained, float]:
    """A network trained for so many steps, and the seconds that took."""
    module = build_module(graph, seed=1)
    settings = TrainingSettings(cuda_graphs=graphs, batch_size=batch)
    torch.cuda.synchronize()
    began = time.perf_counter()
    result = train(module, data, settings, examples=batch * STEPS, seed=0, device="cuda")
    torch.cuda.synchronize()
    return result, time.perf_counter() - began


def main() -> None:
    """Print the lines."""
    data = load_dataset(sys.argv[1], DataSettings(image_size=32)).to("cuda")
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    for width, blocks in CHAINS:
        graph = chain(data.input_shape, len(data.classes), width, blocks)
        trained(graph, data, 128, False)  # libraries are loaded
        for batch in (128, 512):
            for graphs in (False, True):
                result, seconds = trained(graph, data, batch, graphs)
                how = "recorded" if graphs else "single"
                told = f"{batch * STEPS / seconds:,.0f} images/s, {seconds / STEPS * 1e3:.2f} ms a step"
                print(f"{params(graph):>12,} parameters, batch {batch}, {how}: {told}, loss {result.curve[-1][1]:.3f}")
        ends = {trained(graph, data, 128, True)[0].curve[-1][1] for _ in range(3)}
        print(f"{params(graph):>12,} parameters: three trainings, {len(ends)} different ends")


if __name__ == "__main__":
    main()
