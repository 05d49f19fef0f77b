"""The command as a module: ``python -m logstar``."""

from .cli import run

if __name__ == "__main__":
    run()
