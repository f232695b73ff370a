"""The demo: logs of an incident whose every count is known, to try the program and to test it.

Public: `write_demo`, and `write_later` (what is logged afterwards, in each of `LATER`).
"""

from pipeline.demo.write import LATER, write_demo, write_later

__all__ = ["LATER", "write_demo", "write_later"]
