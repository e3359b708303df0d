"""`lemonade serve`: a run's report in the browser, following the search."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from lemonade.cli import common, options
from lemonade.reporting import screen

Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port; 0 takes a free one.")]


def serve(run: options.RunFolder, port: Port = 8765) -> None:
    """Show a run's report in a browser on this machine, and keep it up to date while the search goes on.

    Only this machine can reach it. Ctrl-C ends it; the run is not touched.
    """
    from lemonade.reporting.webpage.serving import HOST, make_server

    console, shown = screen.console(), common.short_path(run)
    try:
        with make_server(run, port) as server:
            address = f"http://{HOST}:{server.server_port}/"
            console.print(Text(f"{shown} at {address} (Ctrl-C ends)"), soft_wrap=True)
            console.file.flush()
            server.serve_forever()
    except KeyboardInterrupt:
        console.print(Text("Stopped serving; the run is as it was."))
