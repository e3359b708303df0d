"""Puts the parts of a run together: checks the settings, reads the data, starts workers, makes the method."""

from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lemonade import numbers
from lemonade.budgets import ChildBudget, image_seconds, number_long, shares_of_run
from lemonade.checks import check_names
from lemonade.config import Config
from lemonade.errors import LemonadeError, UnreadableImagesError
from lemonade.facts import DataFacts
from lemonade.methods import Family, Search, Setting, make_search
from lemonade.objectives import Kind, Objective, costs, resolve, vector
from lemonade.plugins import load_plugins
from lemonade.runfolder import WORK
from lemonade.spaces import SPACES, Space
from morphisms import NetworkGraph

if TYPE_CHECKING:
    from lemonade.data import Dataset
    from lemonade.evaluate import Evaluator
    from lemonade.evaluate.beforehand import Beforehand, Measured
    from lemonade.evaluate.workers import WorkerEvaluator
    from lemonade.history import Run

COSTS_KEPT = 4_096
"""Networks whose costs are kept: many more than a generation proposes."""

COARSE_IMAGES, COARSE_ERROR = 50, 0.1
"""With fewer validation images a warning tells how far such an error is from the true one."""
FEW_IMAGES = 5
"""Training images of a class; with fewer a person is told."""


def data_facts(dataset: Dataset) -> DataFacts:
    """What a run writes down about a data set."""
    return DataFacts(
        name=dataset.name,
        classes=dataset.classes,
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=dataset.test_images,
        input_shape=dataset.input_shape,
        mean=dataset.mean,
        std=dataset.std,
        flip=dataset.flip,
        split_hash=dataset.split_hash,
        notes=(*dataset.notes, *_few(len(dataset.train), len(dataset.classes)), *_coarse(len(dataset.validation))),
        decoded=dataset.decoded,
    )


def _few(images: int, classes: int) -> list[str]:
    """A warning where so few training images teach little; most likely the folder is another one than was meant."""
    if images >= FEW_IMAGES * classes:
        return []
    return [f"warning: only {numbers.quantity(images, 'training image')} of {classes} classes"]


def _coarse(images: int) -> list[str]:
    """A warning where so few validation images tell little."""
    if images >= COARSE_IMAGES:
        return []
    low, high = numbers.wilson(COARSE_ERROR, images)
    return [
        f"warning: errors are coarse on {numbers.quantity(images, 'validation image')}: one of {COARSE_ERROR:g} lies "
        f"between {low:.2f} and {high:.2f} (95 %)"
    ]


class Assembly:
    """The parts of one run; a context manager, since it owns worker processes.

    Args:
        config: The run's settings.
        evaluator: Used in place of worker processes, for tests.
        notify: Called with sentences about slow steps.
        start: Whether worker processes begin at once, while the data are read; without them nothing can be evaluated.

    Attributes:
        cost_failure: Why a cheap objective of the user's failed last on a proposal; empty if none did.

    Raises:
        LemonadeError: for wrong settings or unreadable data, and if such an objective fails on a start network.
    """

    def __init__(
        self,
        config: Config,
        evaluator: Evaluator | None = None,
        notify: Callable[[str], None] = lambda text: None,
        start: bool = True,
    ) -> None:
        self.plugins = load_plugins(config.plugins)
        check_names(config)
        self.config = config
        self.cost_failure = ""
        self._given = evaluator
        self._workers: WorkerEvaluator | None = None
        self._work: Path | None = None
        notify("loading PyTorch")
        from lemonade.data import load_dataset
        from lemonade.data.cache import cache_folder
        from lemonade.evaluate.devices import resolve_device, worker_count
        from lemonade.evaluate.measured import latency_device
        from lemonade.evaluate.workers import WorkerEvaluator

        self.device = resolve_device(config.device)
        latency_device(config.latency, self.device)  # one that is not there is said at once
        self.workers = config.workers or worker_count(self.device)
        if evaluator is None and start:
            self._workers = WorkerEvaluator(self.workers)
        try:
            notify(f"reading {config.dataset}")

            def decoded(done: int, total: int) -> None:
                notify(f"decoding images: {done:,} of {total:,}")

            self.dataset = load_dataset(config.dataset, config.data, cache_folder(), decoded)
            self.objectives = resolve(config.objectives, len(self.dataset.classes), config.boxes)
            self.others = {
                one.name: load_dataset(one.dataset, config.data, cache_folder(), decoded)
                for one in self.objectives
                if one.dataset is not None
            }
            self._check_others()
            self.facts = data_facts(self.dataset)
            family = self.family
            if not family.starts:  # that is said by methods that begin with them
                family = Family(self.space.starts())
            shares = shares_of_run(config, family, self.device.type, self.workers)
        except BaseException:
            self.close()
            raise
        self.child_budget = ChildBudget.of(config.training, len(self.dataset.train), shares)
        self.smoothed = config.selection.is_smoothed(len(self.dataset.validation))

    @classmethod
    def again(
        cls,
        earlier: Run,
        evaluator: Evaluator | None = None,
        notify: Callable[[str], None] = lambda text: None,
        config: Config | None = None,
        start: bool = True,
    ) -> Self:
        """The parts of a run that began earlier, on the same images with the same plug-ins.

        Args:
            earlier: The run.
            evaluator: As for the class.
            notify: As for the class.
            config: Its settings where some are to differ: device, workers, budget, training.
            start: As for the class.

        Raises:
            LemonadeError: if images or plug-ins are gone or not what they were.
        """
        from lemonade.data import SOURCES

        name = earlier.config.dataset
        if name not in SOURCES and not Path(name).expanduser().exists():
            raise LemonadeError(
                f"{earlier.folder}: the run read its images from '{name}', and there is none here. "
                "Go back to the folder it was started in, or put the images back."
            )
        try:
            assembly = cls(config or earlier.config, evaluator, notify, start)
        except UnreadableImagesError as error:
            raise LemonadeError(
                f"{earlier.folder}: {error.found} Put them back as they were, or start a new run."
            ) from None
        try:
            assembly._check_same(earlier)
        except BaseException:
            assembly.close()
            raise
        return assembly

    def _check_same(self, earlier: Run) -> None:
        splits = [(earlier.config.dataset, self.facts.split_hash, earlier.facts.split_hash)]
        splits += [(name, now, earlier.others.get(name, now)) for name, now in self.other_splits.items()]
        for name, now, then in splits:
            if now != then:
                raise LemonadeError(
                    f"{earlier.folder}: the images of '{name}' are not those the run began with. "
                    "Put them back, or start a new run."
                )
        for file, digest in earlier.plugins.items():
            if self.plugins.get(file) != digest:
                raise LemonadeError(
                    f"{earlier.folder}: the plug-in {file} is not what it was when the run began. "
                    "Put it back, or start a new run."
                )

    @property
    def other_splits(self) -> dict[str, str]:
        """Digests of further data sets' splits by the objective that reads them."""
        return {name: dataset.split_hash for name, dataset in self.others.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and remove what was laid out for them; may be called twice."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)

    def search(self) -> Search:
        """A new search method, as at the beginning of the run."""
        return make_search(self.config.method, self._setting())

    @functools.cached_property
    def family(self) -> Family:
        """The networks that a search begins with, if its method begins with start networks."""
        for start in self.space.starts():
            try:
                self.costs(start.genotype)
            except LemonadeError as error:  # on these one of the user's has to work, and that is told at once
                where = f"a start network, {start.origin}"
                raise LemonadeError(f"{error} That was {where}: an objective has to work on all of these.") from None
        search, long = self.config.search, number_long(self.config, self.device.type, self.workers)
        return Family.within(self.space, search, self._costs_if_any, self._limits(), self.floors, long)

    def costs(self, graph: NetworkGraph) -> Mapping[str, float]:
        """Values of the cheap objectives.

        Raises:
            LemonadeError: if one of the user's fails.
        """
        return costs(graph, self.objectives)

    def _costs_if_any(self, graph: NetworkGraph) -> Mapping[str, float]:
        """Costs of a proposal; all NaN where an objective of the user's fails: a search has others to go on with."""
        try:
            return self.costs(graph)
        except LemonadeError as error:
            self.cost_failure = str(error)
            return {one.name: math.nan for one in self.objectives if one.kind is Kind.CHEAP}

    def _setting(self) -> Setting:
        config = self.config
        return Setting(
            search=config.search,
            space=self.space,
            family=self.family,
            # asked for once: one of the user's may fail now and then, and a child has the costs it is judged by
            costs=functools.lru_cache(maxsize=COSTS_KEPT)(self._costs_if_any),
            limits=self._limits(),
            floors=self.floors,
            vector=lambda candidate, evaluation: vector(
                {**candidate.costs, **evaluation.values}, self.objectives, self.smoothed
            ),
            shown=lambda candidate, evaluation: vector(
                {**candidate.costs, **evaluation.values}, self.objectives, False
            ),
            axes={one.name: one.axis for one in self.objectives},
            seed=config.seed,
            child_examples=self.child_budget.child,
            initial_examples=self.child_budget.initial,
            taught=config.training.teacher_share > 0,
            effort=lambda graph: image_seconds(graph, self.device.type),
        )

    @functools.cached_property
    def space(self) -> Space[NetworkGraph]:
        """The networks that the search may make of the images."""
        config, settings = self.config, self.config.search
        kind = SPACES[config.space.name]
        operators = settings.operators or kind.operators
        return kind(
            self.dataset.input_shape,
            len(self.dataset.classes),
            # training a member further is no step from one network to another: the method proposes it
            [name for name in operators if name != "continue"],
            settings.operators_most,
            config.space,
        )

    def beforehand(self) -> Beforehand:
        """What measures candidates before they are trained."""
        from lemonade.evaluate import measured
        from lemonade.evaluate.beforehand import Beforehand

        def measure(graph: NetworkGraph, objectives: Sequence[Objective]) -> Measured:
            return measured.measure(graph, objectives, self.dataset, self.device, self.config.latency)

        return Beforehand(self.objectives, self.config.limits, measure)

    def _limits(self) -> dict[str, float]:
        """The user's limits, and where boxes end: beyond, a network gains nothing, and costs most to train."""
        tops = {one.name: one.box[1] for one in self.objectives if one.kind is Kind.CHEAP}
        limits = self.config.limits
        return {**limits, **{name: min(top, limits.get(name, math.inf)) for name, top in tops.items()}}

    @property
    def floors(self) -> dict[str, float]:
        """Where boxes begin, but for a limit below the box, which asks for what lies there."""
        lows = {one.name: one.box[0] for one in self.objectives if one.kind is Kind.CHEAP}
        return {name: low for name, low in lows.items() if self.config.limits.get(name, math.inf) > low}

    def evaluator(self, folder: Path) -> Evaluator:
        """The evaluator, ready for jobs; the data lie packed in the run folder as long as the run goes on."""
        if self._given is not None:
            return self._given
        from safetensors import SafetensorError

        from lemonade.data.packed import pack

        assert self._workers is not None
        work = self._work = folder / WORK
        try:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            pack(self.dataset, work / "data.safetensors")
            others = {}
            for number, (name, dataset) in enumerate(self.others.items()):
                others[name] = work / f"other{number}.safetensors"
                pack(dataset, others[name])
        except (OSError, SafetensorError) as error:
            raise LemonadeError(f"{work}: the data cannot be laid out for the workers ({error}).") from None
        names = [objective.name for objective in self.objectives if objective.kind is Kind.EXPENSIVE]
        self._workers.prepare(work / "data.safetensors", others, names, str(self.device), self.config.plugins)
        return self._workers

    def _check_others(self) -> None:
        for name, other in self.others.items():
            if other.classes != self.dataset.classes:
                missing = sorted(set(self.dataset.classes) - set(other.classes))
                extra = sorted(set(other.classes) - set(self.dataset.classes))
                pairs = (("without", missing), ("with", extra))
                odd = [f"{word} {', '.join(names[:5])}" for word, names in pairs if names]
                raise LemonadeError(
                    f"objective '{name}': expected the classes of '{self.config.dataset}', got others "
                    f"({'; '.join(odd) or 'in another order'})."
                )
            if other.input_shape != self.dataset.input_shape:
                raise LemonadeError(
                    f"objective '{name}': expected images of shape {self.dataset.input_shape}, as in "
                    f"'{self.config.dataset}', got {other.input_shape}. Set --image-size for both."
                )
