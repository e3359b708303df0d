"""Training the reference networks of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError, unknown
from lemonade.files import locked
from lemonade.history import Run
from lemonade.references.records import NAMES, Reference, read_references, write_reference
from lemonade.runfolder import REFERENCES

if TYPE_CHECKING:
    from torch import nn

    from lemonade.assembly import Assembly

# Side of the images below which so many of the first halvings are left out: as is usual for CIFAR's 32 pixels, where a
# network made for 224 would see a single pixel from the middle on.
KEPT_WHOLE = ((33, 2), (97, 1))


def train_references(
    run: str | Path | Run,
    names: Sequence[str] = NAMES,
    device: str | None = None,
    on_reference: Callable[[Reference], None] | None = None,
) -> list[Reference]:
    """Train hand-designed networks on a run's images, unless that was done before.

    Each sees as many images as the lineage of the run's most accurate member, once, from fresh weights, with the run's
    own training settings and seed.

    Args:
        run: A run or its folder.
        names: Which of `NAMES`.
        device: Where to train; default: as the run did.
        on_reference: Called with each one that has been trained.

    Returns:
        All that the run has now, smallest first.

    Raises:
        LemonadeError: for an unknown name, a run without a front, changed images, a training that does not converge,
            or a folder that cannot be written.
    """
    from lemonade.assembly import Assembly

    run = run if isinstance(run, Run) else Run.load(run)
    for name in names:
        if name not in NAMES:
            raise unknown("reference network", name, NAMES)
    best = run.front.best()
    known = {one.name for one in read_references(run.folder)}
    waiting = [name for name in names if name not in known]
    if waiting:
        examples = sum(one.evaluation.examples for one in run.lineage(best.id))
        config = run.config if device is None else run.config.model_copy(update={"device": device})
        with (
            locked(run.folder / REFERENCES, "Nothing was trained."),
            Assembly.again(run, config=config, start=False) as assembly,
        ):
            for name in waiting:
                trained = _trained(name, assembly, examples)
                write_reference(run.folder, trained)
                if on_reference is not None:
                    on_reference(trained)
    return read_references(run.folder)


def adapted(name: str, input_shape: tuple[int, int, int], classes: int, seed: int) -> nn.Module:
    """A network of torchvision with fresh weights, made for images of a shape (C, H, W).

    On small images the first one or two halvings of the map are left out: a convolution keeps the size, a pooling goes.
    """
    import torch
    from torch import nn
    from torchvision import models

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = models.get_model(name, weights=None, num_classes=classes)
        side = min(input_shape[1:])
        halvings = next((count for below, count in KEPT_WHOLE if side < below), 0)
        convolutions = [part for part in network.named_modules() if isinstance(part[1], nn.Conv2d)]
        first_name, first = convolutions[0]
        if first.in_channels != input_shape[0]:
            made = nn.Conv2d(
                input_shape[0], first.out_channels, first.kernel_size, first.stride, first.padding, bias=False
            )
            network.set_submodule(first_name, made)
        for part_name, part in list(network.named_modules()):
            if halvings and isinstance(part, nn.Conv2d) and part.stride == (2, 2):
                part.stride = (1, 1)
                halvings -= 1
            elif halvings and isinstance(part, nn.MaxPool2d):
                network.set_submodule(part_name, nn.Identity())
                halvings -= 1
    return network


def _trained(name: str, assembly: Assembly, examples: int) -> Reference:
    from lemonade.training import read_error, train
    from morphisms.reference import module_costs

    dataset, config = assembly.dataset, assembly.config
    network = adapted(name, dataset.input_shape, len(dataset.classes), config.seed)
    parameters, flops = module_costs(network.eval(), dataset.input_shape)
    result = train(network, dataset, config.training, examples=examples, seed=config.seed, device=assembly.device)
    if result.diverged:
        raise LemonadeError(
            f"{name}: the loss stopped being finite with this run's settings. Leave it out of --references."
        )
    reading = read_error(network, dataset.validation, dataset, assembly.device)
    return Reference(
        name, parameters, flops, result.examples, reading.error, reading.error_smoothed, result.seconds,
        str(assembly.device),
    )  # fmt: skip
