"""Evaluation in worker processes side by side, each with its own threads and its own copy of nothing but weights."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lemonade.errors import LemonadeError
from lemonade.types import Evaluation, Job, Stage, Status

_READ_BYTES = 1 << 20
MOST_STILLBORN = 3
"""So many workers that ended before they were ready are no accident."""


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    ready: bool = False
    job: Job | None = None
    since: float = 0.0
    partial: bytes = b""
    messages: deque[dict[str, Any]] = field(default_factory=deque)

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def is_late(self) -> bool:
        """Whether its job has taken longer than it may."""
        limit = self.job.limit if self.job is not None else None
        return limit is not None and time.monotonic() - self.since > limit

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Kill the process, if it lives, and let go of its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # what was not sent yet needs no sending
                pipe.close()


class WorkerEvaluator:
    """Worker processes that map one packed data set.

    Processes start at once, so that they import torch while the caller reads its data; `prepare` then tells them what
    to work on.

    Args:
        workers: Number of processes.
        threads: torch threads of each. One process with two threads does 0.84 of the work of two with one each.
    """

    def __init__(self, workers: int, threads: int = 1) -> None:
        self._threads = threads
        self._setup: dict[str, Any] | None = None
        self._stillborn = 0
        self._selector = selectors.DefaultSelector()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        self._workers = [self._start() for _ in range(workers)]

    def prepare(
        self, dataset: Path, others: Mapping[str, Path], objectives: Sequence[str], device: str, plugins: Sequence[str]
    ) -> None:
        """Tell all workers what to work on; returns when the first is ready.

        Args:
            dataset: File that `lemonade.data.packed.pack` wrote.
            others: Such files by the name of the objective that reads them.
            objectives: Names of those that a trained network is measured by.
            device: Where to train.
            plugins: Python files to import first.

        Raises:
            LemonadeError: if a worker ends before it is ready, with the last line it said.
        """
        self._setup = {
            "dataset": str(dataset),
            "others": {name: str(path) for name, path in others.items()},
            "objectives": list(objectives),
            "device": device,
            "plugins": list(plugins),
            "threads": self._threads,
        }
        for worker in self._workers:
            self._tell(worker, self._setup)
        self._wait(any)

    def settle(self) -> None:
        """Wait until all are ready and idle, so that they leave the machine in peace.

        Raises:
            LemonadeError: as `prepare`.
        """
        self._wait(all)

    @property
    def room(self) -> int:
        """Workers that are ready and idle."""
        return sum(worker.ready and worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Hand the job to an idle worker."""
        worker = next(worker for worker in self._workers if worker.ready and worker.job is None)
        worker.job, worker.since = job, time.monotonic()
        self._tell(worker, job.to_json())

    def poll(self, timeout: float) -> list[Evaluation]:
        """What has arrived; a worker that died is an evaluation that failed, and is replaced.

        Raises:
            LemonadeError: if one died before it was ready, with the last line it said.
        """
        self._listen(timeout)
        results = []
        for position, worker in enumerate(self._workers):
            has_ended = worker.process.poll() is not None
            if has_ended:
                self._listen(0.0)  # its answer may have come in the meantime
            while worker.messages:
                results.append(Evaluation.from_json(worker.messages.popleft()))
                worker.job = None
            late = worker.is_late
            if late or has_ended:
                if not worker.ready:
                    self._stillborn += 1
                if self._stillborn >= MOST_STILLBORN:  # its successor would do no better
                    raise LemonadeError(f"worker processes end before their first job: {self._obituary(worker)}")
                if worker.job is not None:
                    results.append(self._lost(worker, late))
                self._selector.unregister(worker.output)
                worker.end()
                self._workers[position] = self._start()
                if self._setup is not None:
                    self._tell(self._workers[position], self._setup)
        return results

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.end()
        self._workers = []
        self._selector.close()
        self._log.close()

    def _start(self) -> _Worker:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lemonade.evaluate.worker_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # a signal to the terminal's group must not end children that may finish
            env=self._environment(),
        )
        worker = _Worker(process)
        os.set_blocking(worker.output.fileno(), False)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def _environment(self) -> dict[str, str]:
        """That of this process, and imports from where it has them: not from the folder that it happens to be in."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self._threads))
        paths = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        return {**os.environ, **threads, "PYTHONPATH": paths}

    def _wait(self, enough: Callable[[Iterable[bool]], bool]) -> None:
        while not enough(worker.ready for worker in self._workers):
            self._listen(1.0)
            if any(worker.process.poll() is not None and not worker.ready for worker in self._workers):
                raise LemonadeError(f"a worker process ended before its first job: {self._last_words()}")

    def _tell(self, worker: _Worker, message: Mapping[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died; `poll` or `prepare` finds out and says so
            worker.send(message)

    def _listen(self, timeout: float) -> None:
        """Read what workers have said, waiting up to `timeout` seconds for the first word."""
        for key, _ in self._selector.select(timeout):
            worker: _Worker = key.data
            try:
                chunk = os.read(worker.output.fileno(), _READ_BYTES)
            except BlockingIOError:  # a false alarm of the selector
                continue
            if not chunk:
                worker.process.wait()  # its output closed: it is ending
                continue
            *lines, worker.partial = (worker.partial + chunk).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "ready" in message:
                    worker.ready = True
                    self._stillborn = 0
                else:
                    worker.messages.append(message)

    def _lost(self, worker: _Worker, late: bool) -> Evaluation:
        """The evaluation of a job whose worker took too long or died; all is charged, as nobody knows what it saw."""
        assert worker.job is not None and self._setup is not None
        candidate, seconds = worker.job.candidate, time.monotonic() - worker.since
        told = f"given up after {worker.job.limit:g} s" if late else self._obituary(worker)
        return Evaluation(
            candidate.id,
            Status.TIMED_OUT if late else Status.FAILED,
            stages={"trained": Stage(1.0, 1.0, 0, candidate.examples, seconds)},
            seconds=seconds,
            device=self._setup["device"],
            message=told,
        )

    def _obituary(self, worker: _Worker) -> str:
        code = worker.process.returncode
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; the system may have run out of memory" if code == -9 else ""
        said = f": {self._last_words()}" if code > 0 else ""
        return f"its worker process ended ({cause}{hint}){said}"

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
