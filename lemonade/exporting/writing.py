"""Networks of a run into `models/ID/`: every chosen format, checked on real images, and a card."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError, unknown
from lemonade.exporting import FORMATS, Format, Model, Written
from lemonade.exporting.card import about, card
from lemonade.exporting.hub import CARD, HubFolder
from lemonade.files import locked, make_folder, write_whole, writing
from lemonade.history import Run
from lemonade.members import Member
from lemonade.onnx_program import silence
from lemonade.records import read_record, write_record
from lemonade.runfolder import EXPORT_RECORD, MODELS
from lemonade.settings_text import names_in
from lemonade.subject import Subject, check_kind
from morphisms import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

MOST_IMAGES = 256
"""Images that each file is checked on."""
LOCK = ".export.lock"
"""One export of a run at a time, also while networks are trained long."""
KEPT = "What was exported before it is whole."


@dataclass(frozen=True)
class Exported:
    """One network's export: its files, or why there are none.

    Attributes:
        id: The network's.
        folder: Where its files lie.
        weights: Which ones they are, in words.
        files: What was written.
        kept: Files of earlier exports, with the same weights; the card lists them too.
        removed: Names of files of earlier exports that held, or may have held, other weights.
        card: The card of `files` alone.
        problem: One line on what went wrong; empty if nothing did. With files: those are whole, the rest failed, or the
            copy for a hub.
    """

    id: str
    folder: Path
    weights: str = ""
    files: tuple[Written, ...] = ()
    kept: tuple[Written, ...] = ()
    removed: tuple[str, ...] = ()
    card: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True)
class _Order:
    """What is wanted of every network."""

    formats: Sequence[Format]
    weights: str
    licence: str | None
    images: Tensor
    checked_on: str


def export(
    run: str | Path | Run,
    models: str | Member | Sequence[str | Member] = "front",
    to: str | Sequence[str] = tuple(FORMATS),
    push_dir: str | Path | None = None,
    licence: str | None = None,
    weights: str = "auto",
    on_model: Callable[[Exported], None] | None = None,
) -> list[Exported]:
    """Export networks of a run into its folder, `models/ID/`, and check every file by running it.

    Files of an earlier export stay if they hold the same weights; those of other weights are removed.

    Args:
        run: A run or its folder.
        models: ``"front"``, members, or ids, ``knee`` and ``best``; in a text commas between.
        to: Names of `FORMATS`; a format's companions come along (Python reads the safetensors).
        push_dir: A new or empty folder to lay out for a model hub as well: the files of one network, or a folder for
            each of several that were asked for.
        licence: Goes into the cards, such as ``"apache-2.0"``; default: that of an earlier export, else ``"unknown"``.
        weights: ``"search"``, as the search left them; ``"retrained"``, the best on validation images of the longest
            trainings that `retrain` made; ``"auto"``, those if they are no worse there than the search's, by the
            reading that ranks members (the smoothed error below 1,000 validation images).
        on_model: Called after each network with what came of it.

    Returns:
        One entry a network. One whose weights are damaged, or whose files cannot be written, has a problem; the rest
        goes on.

    Raises:
        LemonadeError: for an unknown network or format, a package that is missing or broken, a `push_dir` that holds
            files, or a run that another process exports.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    check_kind(weights)
    formats = _wanted(to)
    members = run.choose(models)
    hub = None if push_dir is None else HubFolder(Path(push_dir), alone=len(members) == 1)
    order = _Order(formats, weights, licence, *_images(run))
    done = []
    with locked(run.folder / MODELS, KEPT, LOCK), hub or nullcontext():
        for member in members:
            made = _exported(run, member, order)
            if hub is not None and not made.problem:
                made = _laid_out(made, hub)
            done.append(made)
            if on_model is not None:
                on_model(made)
    return done


def _wanted(names: str | Sequence[str]) -> list[Format]:
    """The formats of these names and what they read, each before what reads it."""
    found: dict[str, Format] = {}
    for name in names_in(names):
        if name not in FORMATS:
            raise unknown("export format", name, FORMATS)
        found.update((other, FORMATS[other]) for other in (*FORMATS[name].beside, name))
    if not found:
        raise LemonadeError(f"to: expected one or more of {', '.join(FORMATS)}.")
    for one in found.values():
        for package in one.needs:
            _check_package(one, package)
    return list(found.values())


def _check_package(one: Format, package: str) -> None:
    """Refuse a format whose package is not there or is broken."""
    try:
        with silence():
            importlib.import_module(package)
        return
    except Exception as error:  # whatever a broken package raises
        absent = isinstance(error, ModuleNotFoundError) and error.name == package
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    what = "not installed here" if absent else f"which cannot be imported here ({reason})"
    how = "" if absent else "--force-reinstall "
    others = ",".join(name for name in FORMATS if name != one.name)
    raise LemonadeError(
        f"to: {one.name} needs {package}, {what}. Install with: pip install {how}{package}. Or choose among the "
        f"others: {others}"
    )


def _images(run: Run) -> tuple[Tensor, str]:
    """Images in [0, 1] to check on, and what they are: real ones, if the data set is still there."""
    import torch

    from lemonade.data import load_dataset
    from lemonade.data.cache import cache_folder

    try:
        dataset = load_dataset(run.config.dataset, run.config.data, cache_folder())
        if dataset.split_hash == run.facts.split_hash:
            images = dataset.validation.images[:MOST_IMAGES]
            return images.float() / 255, f"{len(images)} validation images"
        gone = "has other images now"
    except LemonadeError:
        gone = "is not there"
    shape = (MOST_IMAGES, *run.facts.input_shape)
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return noise, f"{MOST_IMAGES} random images, since '{run.config.dataset}' {gone}"


def _exported(run: Run, member: Member, order: _Order) -> Exported:
    folder = run.folder / MODELS / member.id
    try:
        return _written(run, member, order, folder)
    except (LemonadeError, ValueError) as error:
        return Exported(member.id, folder, problem=str(error))


def _written(run: Run, member: Member, order: _Order, folder: Path) -> Exported:
    import torch

    subject = Subject.of(run, member, order.weights)
    model = Model.of(member.graph, subject.weights(), run.facts, about(subject))
    with torch.no_grad():
        wanted = model.module(order.images)
    make_folder(folder, KEPT)
    sha256 = file_sha256(subject.path)
    earlier, licence, is_other = _earlier(folder, sha256, f"export {member.id} again")
    licence = order.licence or licence
    files, problems = _files(model, folder, order, wanted, is_other)
    if not files:
        return Exported(member.id, folder, problem=problems[0])
    kept = tuple(one for one in earlier if one.format not in {new.format for new in files})
    known = {one.file for one in (*files, *kept)}
    removed = tuple(one.file for one in FORMATS.values() if one.file not in known and (folder / one.file).exists())
    for name in removed:
        with writing(folder / name, "Delete it: it may hold other weights than the card says."):
            (folder / name).unlink()
    whole = sorted((*files, *kept), key=lambda one: list(FORMATS).index(one.format))
    record = {
        "id": member.id,
        "values": dict(member.values),
        "weights": subject.words,
        "sha256": sha256,
        "errors": dict(subject.errors),
        "licence": licence,
        "files": [asdict(one) for one in whole],
    }
    # also where a format could not be written: there may be room for these
    for write in (
        partial(write_record, folder / EXPORT_RECORD, record, KEPT),
        partial(write_whole, folder / CARD, card(subject, whole, licence), KEPT),
    ):
        try:
            write()
        except LemonadeError as error:
            problems.append(str(error))
    own_card, problem = card(subject, files, licence), next(iter(problems), "")
    return Exported(member.id, folder, subject.words, files, kept, removed, own_card, problem)


def _files(
    model: Model, folder: Path, order: _Order, wanted: Tensor, is_other: bool
) -> tuple[tuple[Written, ...], list[str]]:
    """Write the formats one by one, up to the first that cannot be; those written, and why it cannot.

    Args:
        model: What is written.
        folder: Where.
        order: What is wanted.
        wanted: The original's logits.
        is_other: Whether the record there is of other weights. It goes just before the first file changes: without a
            record nothing is known of the files there, also if this export breaks off among them.
    """
    files: list[Written] = []
    for one in order.formats:
        try:
            files.append(_file(one, model, folder, order, wanted, is_other and not files))
        except LemonadeError as error:
            return tuple(files), [str(error)]
    return tuple(files), []


def _earlier(folder: Path, sha256: str, cure: str) -> tuple[list[Written], str, bool]:
    """What an earlier export of these weights left, the licence of one, and whether that one had other weights."""
    path = folder / EXPORT_RECORD
    if not path.is_file():
        return [], "unknown", False
    told = read_record(path, lambda told: told | {"files": [Written(**one) for one in told["files"]]}, cure)
    licence = str(told.get("licence", "unknown"))
    if told.get("sha256") == sha256:
        return [one for one in told["files"] if one.format in FORMATS and (folder / one.file).is_file()], licence, False
    return [], licence, True


def _file(one: Format, model: Model, folder: Path, order: _Order, wanted: Tensor, is_first: bool) -> Written:
    """Write a file, run it, and give it its name only then; the `is_first` of other weights takes the record away."""
    import torch
    from safetensors import SafetensorError

    from morphisms.verify import relative_error

    path = folder / one.file
    aside = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        one.write(model, aside)
        with torch.no_grad():
            deviation = relative_error(wanted, one.logits(aside, order.images))
        size = aside.stat().st_size
        if is_first:
            (folder / EXPORT_RECORD).unlink(missing_ok=True)
        aside.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        text = " ".join(str(error).split())[:200]
        raise LemonadeError(f"{path}: cannot be written ({text}). {KEPT}") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return Written(one.name, one.file, size, deviation, order.checked_on)


def _laid_out(made: Exported, hub: HubFolder) -> Exported:
    try:
        hub.add(made.folder, [one.file for one in made.files], made.card)
    except LemonadeError as error:
        return replace(made, problem=str(error))
    return made
