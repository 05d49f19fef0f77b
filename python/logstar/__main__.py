"""The command as a module: ``python -m logstar``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
