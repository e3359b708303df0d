"""What a network of a run says about image files; the run's data set is not needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.members import Member
from lemonade.subject import Subject

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """What a network says about one image file.

    Attributes:
        file: The image.
        classes: Names with their probabilities, the most probable first; empty if there is a problem.
        problem: Why there is none, in a few words; empty if there is one.
        weights: Which of the network's weights were used, in words; empty if there is a problem.
    """

    file: Path
    classes: tuple[tuple[str, float], ...] = ()
    problem: str = ""
    weights: str = ""


def predict(
    run: str | Path | Run,
    model: str | Member,
    images: str | Path | Sequence[str | Path],
    top: int = 3,
    device: str = "auto",
    weights: str = "auto",
) -> list[Prediction]:
    """Say which classes image files show, by one network of a run; the run's data set is not needed.

    After `lemonade.retrain` the weights may be the retrained ones, while `Member.module` has the search's: each
    prediction tells which.

    Args:
        run: A run or its folder.
        model: A member, or an id, of which a unique beginning is enough, ``"best"`` or ``"knee"``.
        images: A file or several, and folders in place of the images in them.
        top: Classes of each image at most.
        device: As for a search.
        weights: As in `lemonade.export`.

    Returns:
        One entry an image, in the order given; an image that cannot be read has a problem in place of classes.

    Raises:
        LemonadeError: for an unknown network, device or kind of weights, a `top` below 1, or weights that are missing
            or damaged.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    paths = image_paths([images] if isinstance(images, (str, Path)) else images)
    return predictions(Subject.of(run, run.member(model), weights), paths, top, device)


def image_paths(names: Iterable[str | Path]) -> list[Path]:
    """Files and folders of these names.

    Raises:
        LemonadeError: for an empty name, which would be the folder that one is in.
    """
    listed = list(names)
    if "" in listed:
        raise LemonadeError("images: expected files and folders, got an empty name.")
    return [Path(one) for one in listed]


def predictions(subject: Subject, images: Sequence[Path], top: int = 3, device: str = "auto") -> list[Prediction]:
    """Prepare image files as the run's images were, and run them through a network.

    Args:
        subject: The network and which of its weights.
        images: Files, and folders in place of the images in them.
        top: Classes of each image at most.
        device: As for a search.

    Returns:
        One entry an image, in the order given; an image that cannot be read has a problem in place of classes.

    Raises:
        LemonadeError: for a `top` below 1, an unknown device, or weights that are missing or damaged.
    """
    if top < 1:
        raise LemonadeError(f"top: expected a whole number of at least 1, got {top}.")
    from lemonade.data.files import read_files

    listed = _listed(images)
    run, files = subject.run, [one.file for one in listed if not one.problem]
    pixels, failures = read_files(files, run.facts, run.config.data.fit)
    shares = iter(probabilities(subject, pixels, device) if len(pixels) else ())
    names = run.facts.classes
    done, position = [], 0
    for one in listed:
        if not one.problem:
            problem = failures.get(position, "")
            position += 1
            if problem:
                one = Prediction(one.file, problem=problem)
            else:
                one = Prediction(one.file, _ranked(next(shares), names, top), weights=subject.words)
        done.append(one)
    return done


def probabilities(subject: Subject, pixels: Tensor, device: str = "auto") -> Tensor:
    """Softmax of the network's logits.

    Args:
        subject: The network and which of its weights.
        pixels: uint8, (N, C, H, W), as the run's images are.
        device: As for a search.

    Returns:
        float32, (N, classes), on the CPU.

    Raises:
        LemonadeError: for an unknown device, or weights that are missing or damaged.
    """
    import torch

    from lemonade.evaluate.devices import resolve_device

    place = resolve_device(device)
    module: nn.Module = subject.module().to(place)
    with torch.inference_mode():
        parts = [
            torch.softmax(module(part.to(place).float() / 255), dim=1).cpu() for part in torch.split(pixels, BATCH)
        ]
    return torch.cat(parts)


def _listed(images: Sequence[Path]) -> list[Prediction]:
    """The files that are meant, without predictions yet; what is no file has its problem already."""
    from lemonade.data.files import image_files

    found: list[Prediction] = []
    for path in images:
        try:
            inside = image_files(path) if path.is_dir() else [path]
            problem = "" if inside else "holds no images"
            if inside == [path] and not path.exists():
                problem = "there is no such file or folder"
            elif inside == [path] and not path.is_file():
                problem = "is no regular file"
            elif path.suffix.lower() in (".npz", ".npy"):
                problem = "holds arrays, no image: for those there is Member.module() in Python"
        except OSError as error:
            inside, problem = [], (error.strerror or str(error)).lower()
        found += [Prediction(file, problem=problem) for file in inside or [path]]
    return found


def _ranked(shares: Tensor, names: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    values, order = shares.sort(descending=True, stable=True)
    return tuple((names[label], float(value)) for label, value in zip(order.tolist()[:top], values[:top], strict=True))
