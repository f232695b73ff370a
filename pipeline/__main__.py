"""``python -m pipeline`` is ``analyze``."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
