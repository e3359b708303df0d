"""The report of a run, served to this machine alone, and what happened since for a page that asks."""

from __future__ import annotations

import errno
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from lemonade.errors import LemonadeError
from lemonade.files import is_held
from lemonade.history import Run
from lemonade.reporting.webpage.writing import news, page
from lemonade.runfolder import JOURNAL, MODELS, REFERENCES

HOST = "127.0.0.1"
PAGE, NEWS = "/", "/news"


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a run's report at `PAGE`, and of its news as JSON at `NEWS`; everything else is not found.

    Args:
        folder: The run folder; read anew when its journal has changed.
        port: 0 takes a free one, which `server_port` tells.

    Raises:
        LemonadeError: if there is no such run, it cannot be read, or the port cannot be had.
    """
    Run.load(folder)
    try:
        return _Server((HOST, port), partial(_Handler, Served(folder)))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use" if error.errno == errno.EADDRINUSE else "needs more rights"
        raise LemonadeError(f"port {port} {why}. Choose another with --port, or a free one with --port 0.") from None


class Served:
    """Reads a run folder for the server: once for each state of its journal and process, and of what was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._run: tuple[str, Run] | None = None
        self._made: dict[str, tuple[str, str]] = {}

    def state(self) -> str:
        """How the present state is named, in quotes as HTTP wants it.

        Raises:
            LemonadeError: if the folder holds no run.
        """
        try:
            found = (self._folder / JOURNAL).stat()
        except OSError:
            Run.load(self._folder)  # says in the project's words what is missing
            raise
        # what is made of networks after the search stands beside the journal, and on the page
        made = [path for part in (MODELS, REFERENCES) for path in (self._folder / part).rglob("*.json")]
        latest = max([path.stat().st_mtime_ns for path in made if path.exists()], default=0)
        # a process that dies by force leaves no line
        held = is_held(self._folder)
        return f'"{found.st_size:x}-{found.st_mtime_ns:x}-{len(made):x}-{latest:x}-{held}"'

    def text(self, path: str) -> tuple[str, str]:
        """The state, and what is to be read at `PAGE` or `NEWS`.

        Raises:
            LemonadeError: if the run cannot be read.
        """
        with self._lock:  # two pages that ask at once are answered by one reading
            state = self.state()
            if self._run is None or self._run[0] != state:
                self._run = state, Run.load(self._folder)
            if self._made.get(path, ("",))[0] != state:
                run = self._run[1]
                self._made[path] = state, page(run, live=state) if path == PAGE else news(run)
            return self._made[path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser that keeps its connection does not keep the command from ending
    allow_reuse_address = True

    def handle_error(self, request: object, address: object) -> None:
        """Nothing is said of a browser that leaves while it is answered."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, address)  # type: ignore[arg-type]  # as the base class takes it


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def __init__(self, served: Served, *arguments: object) -> None:
        self._served = served
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server's own

    def do_GET(self) -> None:
        """Answer a page or its news, or their heads alone."""
        if self.path not in (PAGE, NEWS) or not self._is_from_here():
            self._refuse()
            return
        try:
            if self.path == NEWS and self.headers.get("If-None-Match") == self._served.state():
                self._answer(HTTPStatus.NOT_MODIFIED)
                return
            state, text = self._served.text(self.path)
        except (LemonadeError, OSError) as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), "text/plain")
            return
        kind = "text/html" if self.path == PAGE else "application/json"
        self._answer(HTTPStatus.OK, text, kind, state)

    do_HEAD = do_GET  # noqa: N815  # http.server's name

    def _refuse(self) -> None:
        # what was sent along is not read, so the connection cannot go on
        self.close_connection = True
        self._answer(HTTPStatus.NOT_FOUND, "Not found.", "text/plain")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815  # http.server's names

    def _is_from_here(self) -> bool:
        """Whether the browser was asked for this machine: another name that leads here is some page's trick."""
        return self.headers.get("Host") in (f"{HOST}:{self.server.server_port}", f"localhost:{self.server.server_port}")

    def _answer(self, status: HTTPStatus, text: str = "", kind: str = "", state: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        headers = {"ETag": state, "Content-Type": f"{kind}; charset=utf-8" if kind else ""}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the terminal belongs to the person."""
