"""The `lemonade` command, also as ``python -m lemonade``."""

from __future__ import annotations

import signal
import sys

from lemonade.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line; an interrupt ends it with one line, also while its modules are still being imported.

    SIGTERM, which batch systems send, is an interrupt too.
    """
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from lemonade.cli import main as command

        command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
