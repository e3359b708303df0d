"""The course of a search as scalars for TensorBoard; one of the listeners that `on_event` can have."""

from __future__ import annotations

import importlib.util
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError
from lemonade.files import make_folder
from lemonade.runfolder import SCALARS
from lemonade.tracker import OnEvent
from lemonade.types import Progress, Spent

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Scalars:
    """Writes scalars after each generation and at the end, by the number of evaluations.

    ``front/``: hypervolume, members, best_error (of the member that ranks first). ``least/``: the least value of each
    objective on the front. ``children/``: trained, stopped, failed. ``throughput/``: training images a second and
    evaluations a minute since the last ones were written.

    Args:
        folder: Where the event files go; made as a search begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._before = Spent()

    def __call__(self, progress: Progress) -> None:
        """Write down how the search stands, if there is anything new.

        Raises:
            LemonadeError: as a search begins, if its folder cannot be made.
        """
        if progress.kind == "start":  # a resumed run begins where it was
            self._before = progress.spent
            make_folder(self._folder, "Move what is there away, or go on without --tensorboard.")
        if progress.kind not in ("generation", "end"):
            return
        # a run killed between the last child of a generation and its end has that end still to be written
        is_known = progress.kind == "end" or self._writer is not None
        if progress.spent.evaluations <= self._before.evaluations and is_known:
            return
        self._writer = self._writer or _writer(self._folder)
        for tag, value in self._values(progress).items():
            self._writer.add_scalar(tag, value, progress.spent.evaluations)
        self._writer.flush()
        self._before = progress.spent

    def _values(self, progress: Progress) -> dict[str, float]:
        spent, before = progress.spent, self._before
        values: dict[str, float] = {
            "front/hypervolume": progress.hypervolume,
            "front/members": progress.front_size,
            "children/trained": progress.trained,
            "children/stopped": progress.stopped,
            "children/failed": progress.failed,
        }
        if progress.best is not None:
            values["front/best_error"] = progress.best.values["error"]
        values |= {f"least/{name}": value for name, value in progress.least.items()}
        if (seconds := spent.seconds - before.seconds) > 0 and spent.evaluations > before.evaluations:
            values["throughput/examples_per_second"] = (spent.examples - before.examples) / seconds
            values["throughput/evaluations_per_minute"] = 60 * (spent.evaluations - before.evaluations) / seconds
        return values

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        for path in self._folder.glob(f"events.*.{socket.gethostname()}.*"):
            # run folders get published, and hosts are left out of them
            path.rename(path.with_name(path.name.replace(f".{socket.gethostname()}.", ".lemonade.")))


@contextmanager
def scalars_too(listener: OnEvent | None, run_folder: Path, wanted: bool) -> Iterator[OnEvent | None]:
    """A listener that passes events on and, if wanted, writes scalars into the run folder as well.

    Raises:
        LemonadeError: if they are wanted and TensorBoard is not installed.
    """
    if not wanted:
        yield listener
        return
    if importlib.util.find_spec("tensorboard") is None:
        raise LemonadeError(
            "tensorboard: TensorBoard is not installed here. Install with: pip install 'lemonade-nas[tensorboard]'"
        )
    scalars = Scalars(run_folder / SCALARS)

    def tell(progress: Progress) -> None:
        if listener is not None:
            listener(progress)
        scalars(progress)

    try:
        yield tell
    finally:
        scalars.close()


def _writer(folder: Path) -> SummaryWriter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own imports
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(folder)
