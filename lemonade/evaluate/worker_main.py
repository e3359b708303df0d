"""A worker process: jobs as JSON lines on standard input, evaluations as JSON lines on standard output.

Started with ``python -m lemonade.evaluate.worker_main``, not by multiprocessing: spawning there runs the user's main
module again, and forking breaks with threads. It ends when its standard input closes, so it never outlives its parent.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO


def main() -> None:
    """Serve jobs until standard input closes."""
    # Ctrl-C in the terminal, and SIGTERM to all processes of a job, as batch systems send it, are for the parent to
    # handle: it lets running children finish.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever prints must not end up between the answers
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    setup = json.loads(lines.get())
    evaluate = _prepare(setup)
    _answer(answers, {"ready": True})
    while True:
        _answer(answers, evaluate(json.loads(lines.get())))


def _read(lines: queue.SimpleQueue[str]) -> None:
    """Pass lines on; a closed input means that the parent has ended, and with it this process, whatever it is doing."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(message) + "\n")
    except BrokenPipeError:
        os._exit(0)


def _prepare(setup: dict[str, Any]) -> Any:
    """Import what is heavy, map the data and return a function from a job to an evaluation, both as JSON."""
    import torch

    from lemonade.data.packed import unpack
    from lemonade.evaluate.child import Bench, evaluate_child
    from lemonade.objectives import of_name
    from lemonade.plugins import load_plugins
    from lemonade.types import Job

    torch.set_num_threads(setup["threads"])
    load_plugins(setup["plugins"])
    device = torch.device(setup["device"])
    dataset = unpack(Path(setup["dataset"])).to(device)
    others = {name: unpack(Path(path)).to(device) for name, path in setup["others"].items()}
    bench = Bench(dataset, others, [of_name(one, len(dataset.classes)) for one in setup["objectives"]], device)
    return lambda job: evaluate_child(Job.from_json(job), bench).to_json()


if __name__ == "__main__":
    main()
