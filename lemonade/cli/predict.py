"""`lemonade predict`: what a network says about image files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options
from lemonade.config import FIT_WORDS
from lemonade.reporting import screen
from lemonade.reporting.layout import Column, fitted

if TYPE_CHECKING:
    from lemonade.predicting import Prediction
    from lemonade.subject import Subject

BAR_WIDTH = 20
LEAST_FOR_THEN = 80  # columns of a screen on which the less probable classes have room

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE", help="Image files, or folders of them.", show_default=False)
]
Top = Annotated[int, typer.Option("--top", metavar="N", help="Classes of each image at most.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")]


def predict(
    run: options.RunFolder,
    model: options.ModelId,
    images: Images,
    top: Top = 3,
    device: Device = "auto",
    weights: options.WeightsKind = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Say which classes images show, with probabilities, by one network of the run; its data set is not needed.

    Images are prepared as the run's were: turned into grey if those were, and brought to size as those were.
    Nothing else is changed: a network for scikit-learn's digits, which are light on dark, has never seen ink on paper.

    Images that cannot be read are named; the others are predicted all the same, and the exit code is 1.
    """
    from lemonade.history import Run
    from lemonade.predicting import image_paths, predictions
    from lemonade.subject import Subject

    paths = image_paths(images)
    loaded = Run.load(run)
    subject = Subject.of(loaded, loaded.member(model), weights)
    console, shown = screen.console(), common.short_path(run)
    if not subject.path.is_file():
        subject.weights()  # says what is missing before anything is printed
    if not as_json and any(map(os.path.exists, images)):  # torch takes seconds to load
        console.print(Text(f"{subject.member.id} of {shown}, weights {subject.words}: {_worth(subject)}"))
        console.file.flush()
    done = predictions(subject, paths, top, device)
    whole = [one for one in done if not one.problem]
    if as_json:
        common.print_json(_document(subject, done))
    elif whole:
        console.print(_one(whole[0]) if len(done) == 1 else _several(whole, console.width))
        console.print(Text(_preparation(subject), style="quiet"))
        common.print_next(
            console,
            [
                (("show", shown, subject.member.id), "what this network looks like"),
                (("export", shown, "--models", subject.member.id), "take it elsewhere"),
            ],
        )
    for one in done:
        if one.problem:
            common.print_error(f"{one.file}: {one.problem}.")
    if len(whole) < len(done):
        raise typer.Exit(1)


def _worth(subject: Subject) -> str:
    """How often the network errs: ``"error 0.017 on 360 test images (95 %: 0.008 to 0.036)"``."""
    part, error = list(subject.errors.items())[-1]
    images = subject.images[part]
    low, high = (numbers.share(value, images) for value in numbers.wilson(error, images))
    return f"error {numbers.share(error, images)} on {numbers.count(images)} {part} images (95 %: {low} to {high})"


def _one(prediction: Prediction) -> Table:
    """Classes of a single image, one a line."""
    table = Table.grid(padding=(0, 2))
    for name, share in prediction.classes:
        table.add_row(Text(name), f"{share:.3f}", numbers.bar(share, BAR_WIDTH))
    return table


def _several(predictions: Sequence[Prediction], width: int) -> Table:
    columns = [
        Column("image", gives_way=True, folds=True),
        Column("class"),
        Column("probability", right=True),
        *([Column("then", style="quiet")] if width >= LEAST_FOR_THEN else []),
    ]
    rows = []
    for one in predictions:
        (name, share), *others = one.classes
        then = ", ".join(f"{other} {value:.3f}" for other, value in others)
        rows.append([screen.printable(str(common.short_path(one.file))), name, f"{share:.3f}", then][: len(columns)])
    return fitted(columns, rows, width)


def _preparation(subject: Subject) -> str:
    channels, height, width = subject.run.facts.input_shape
    classes = len(subject.run.facts.classes)
    fitted_how = FIT_WORDS[subject.run.config.data.fit]
    return (
        f"Prepared as the run's images were: {'grey' if channels == 1 else 'RGB'}, brought to {height}x{width}, "
        f"{fitted_how}. The network knows these {numbers.count(classes)} classes alone, and always names one."
    )


def _document(subject: Subject, done: Sequence[Prediction]) -> dict[str, object]:
    return {
        "id": subject.member.id,
        "weights": subject.words,
        "images": [
            {
                "file": str(one.file),
                "classes": [{"name": name, "probability": share} for name, share in one.classes],
                "problem": one.problem,
            }
            for one in done
        ],
    }
