"""`orun resume`: thaw a paused container."""

from __future__ import annotations

from orlop.runtime.call import Answer
from orlop.runtime.command_line import Verb
from orlop.runtime.verb_pause import change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb("resume", "<container-id>", "thaw a paused container", (), minimum=1, maximum=1)


def run(call: Call) -> Answer:
    """Resume it; returns when all its processes run again."""
    change(call, frozen=False, allowed=("paused",))
    return Answer()
