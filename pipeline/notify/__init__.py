"""Who is told what, and when: targets, what they were told before, and how it gets there.

`targets` reads what ``--notify`` names, `standing` tells which problems there are, `choosing` what
of them is news to a target, `memory` keeps what it was told, `delivering` sends it in limits of
time and size (`web`, `mail`, `others`). How a message looks is no matter of this package: `render`
makes the payload.
"""

from pipeline.notify.choosing import Policy, news, told_after
from pipeline.notify.delivering import deliver, ping
from pipeline.notify.limits import Limits
from pipeline.notify.memory import MEMORY_FILE, Memory, Told, read_memory, written_memory
from pipeline.notify.standing import Standing, standing
from pipeline.notify.targets import Target, parse_ping, parse_target

__all__ = [
    "MEMORY_FILE",
    "Limits",
    "Memory",
    "Policy",
    "Standing",
    "Target",
    "Told",
    "deliver",
    "news",
    "parse_ping",
    "parse_target",
    "ping",
    "read_memory",
    "standing",
    "told_after",
    "written_memory",
]
