"""The demo: logs of an incident whose every count is known, to try the program and to test it.

Public: `write_demo`.
"""

from pipeline.demo.write import write_demo

__all__ = ["write_demo"]
