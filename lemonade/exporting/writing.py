"""Networks of a run into `models/ID/`: every chosen format, checked on real images, and a card."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError, unknown
from lemonade.exporting import FORMATS, Format, Model, Written
from lemonade.exporting.card import about, card
from lemonade.files import make_folder, write_whole, writing
from lemonade.history import Run
from lemonade.members import EXPORT_RECORD, MODELS, Member
from lemonade.records import read_record, write_record
from lemonade.subject import Subject, check_kind
from morphisms import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

MOST_IMAGES = 256
"""Images that each file is checked on."""
CARD = "README.md"
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
        problem: One line on what went wrong; empty if nothing did. With files: only the copy for a hub failed.
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
    licence: str
    images: Tensor
    checked_on: str


def export(
    run: str | Path | Run,
    models: str = "front",
    to: Sequence[str] = tuple(FORMATS),
    push_dir: str | Path | None = None,
    licence: str = "unknown",
    weights: str = "auto",
    on_model: Callable[[Exported], None] | None = None,
) -> list[Exported]:
    """Export networks of a run into its folder, `models/ID/`, and check every file by running it.

    Files of an earlier export stay if they hold the same weights; those of other weights are removed.

    Args:
        run: A run or its folder.
        models: ``"front"``, or ids, ``knee`` and ``best`` with commas between.
        to: Names of `FORMATS`; a format's companions come along (Python reads the safetensors).
        push_dir: A new or empty folder to lay out for a model hub as well: the files of one network, or a folder for
            each of several that were asked for.
        licence: Goes into the cards.
        weights: ``"search"``, as the search left them; ``"retrained"``, the best on validation images of the longest
            trainings that `retrain` made; ``"auto"``, those if they are no worse there than the search's, by the
            reading that ranks members (the smoothed error below 1,000 validation images).
        on_model: Called after each network with what came of it.

    Returns:
        One entry a network. One whose weights are damaged, or whose files cannot be written, has a problem; the rest
        goes on.

    Raises:
        LemonadeError: for an unknown network or format, a missing package, or a `push_dir` that holds files.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    check_kind(weights)
    formats = _wanted(to)
    members = run.choose(models)
    if push_dir is not None:
        _check_push_dir(Path(push_dir))
    order = _Order(formats, weights, licence, *_images(run))
    done = []
    for member in members:
        made = _exported(run, member, order)
        if push_dir is not None and made.files:
            made = _laid_out(made, Path(push_dir) if len(members) == 1 else Path(push_dir) / made.id)
        done.append(made)
        if on_model is not None:
            on_model(made)
    return done


def _wanted(names: Sequence[str]) -> list[Format]:
    """The formats of these names and what they read, each before what reads it."""
    found: dict[str, Format] = {}
    for name in names:
        if name not in FORMATS:
            raise unknown("export format", name, FORMATS)
        found.update((other, FORMATS[other]) for other in (*FORMATS[name].beside, name))
    if not found:
        raise LemonadeError(f"to: expected one or more of {', '.join(FORMATS)}.")
    for one in found.values():
        missing = [package for package in one.needs if importlib.util.find_spec(package) is None]
        if missing:
            others = ",".join(name for name in FORMATS if name != one.name)
            raise LemonadeError(
                f"to: {one.name} needs {' and '.join(missing)}, not installed here. Install with: pip install "
                f"{' '.join(missing)}. Or choose among the others: {others}"
            )
    return list(found.values())


def _images(run: Run) -> tuple[Tensor, str]:
    """Images in [0, 1] to check on, and what they are: real ones, if the data set is still there."""
    import torch

    from lemonade.data import load_dataset
    from lemonade.data.cache import cache_folder

    try:
        images = load_dataset(run.config.dataset, run.config.data, cache_folder()).validation.images[:MOST_IMAGES]
        if tuple(images.shape[1:]) == tuple(run.facts.input_shape):
            return images.float() / 255, f"{len(images)} validation images"
    except LemonadeError:
        pass
    shape = (MOST_IMAGES, *run.facts.input_shape)
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return noise, f"{MOST_IMAGES} random images, since '{run.config.dataset}' is not there"


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
    earlier = _earlier(folder, sha256, f"export {member.id} again")
    files = tuple(_file(one, model, folder, order, wanted) for one in order.formats)
    kept = tuple(one for one in earlier if one.format not in {new.format for new in files})
    known = {one.file for one in (*files, *kept)}
    removed = tuple(one.file for one in FORMATS.values() if one.file not in known and (folder / one.file).exists())
    for name in removed:
        with writing(folder / name, "Delete it: it may hold other weights than the card says."):
            (folder / name).unlink()
    whole = sorted((*files, *kept), key=lambda one: list(FORMATS).index(one.format))
    write_whole(folder / CARD, card(subject, whole, order.licence), KEPT)
    record = {
        "id": member.id,
        "values": dict(member.values),
        "weights": subject.words,
        "sha256": sha256,
        "errors": dict(subject.errors),
        "files": [asdict(one) for one in whole],
    }
    write_record(folder / EXPORT_RECORD, record, KEPT)
    own_card = card(subject, files, order.licence)
    return Exported(member.id, folder, subject.words, files, kept, removed, own_card)


def _earlier(folder: Path, sha256: str, cure: str) -> list[Written]:
    """What an earlier export of these weights left; the record of other weights is taken away.

    Without a record nothing is known of the files there, also if this export breaks off among them.
    """
    path = folder / EXPORT_RECORD
    if not path.is_file():
        return []
    files, of = read_record(path, lambda told: ([Written(**one) for one in told["files"]], told.get("sha256")), cure)
    if of == sha256:
        return [one for one in files if one.format in FORMATS and (folder / one.file).is_file()]
    with writing(path, KEPT):
        path.unlink()
    return []


def _file(one: Format, model: Model, folder: Path, order: _Order, wanted: Tensor) -> Written:
    """Write a file, run it, and give it its name only then."""
    import torch
    from safetensors import SafetensorError

    from morphisms.verify import relative_error

    path = folder / one.file
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        one.write(model, partial)
        with torch.no_grad():
            deviation = relative_error(wanted, one.logits(partial, order.images))
        size = partial.stat().st_size
        partial.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        text = " ".join(str(error).split())[:200]
        raise LemonadeError(f"{path}: cannot be written ({text}). {KEPT}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return Written(one.name, one.file, size, deviation, order.checked_on)


def _check_push_dir(target: Path) -> None:
    """Refuse a folder with files in it: a card of one network beside weights of another would mislead."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        what = "it holds some" if target.is_dir() else "it is a file"
        raise LemonadeError(f"{target}: expected a new or an empty folder for the files, and {what}. Choose another.")


def _laid_out(made: Exported, target: Path) -> Exported:
    """Copy a network's files as a model hub expects them, its card among them."""
    try:
        with writing(target, f"{made.folder} is whole."):
            target.mkdir(parents=True, exist_ok=True)
            for file in made.files:
                shutil.copyfile(made.folder / file.file, target / file.file)
            (target / CARD).write_text(made.card, encoding="utf-8")
    except LemonadeError as error:
        return replace(made, problem=str(error))
    return made
