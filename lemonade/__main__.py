"""``python -m lemonade`` is the `lemonade` command."""

from lemonade.cli import main

if __name__ == "__main__":
    main()
