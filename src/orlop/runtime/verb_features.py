"""`orun features`: what this runtime supports (features.md), for engines that ask before they configure."""

from __future__ import annotations

from orlop import __version__
from orlop.linux.mount_options import option_names
from orlop.oci.features import features
from orlop.oci.json_codec import encode
from orlop.runtime.call import Answer
from orlop.runtime.command_line import Verb
from orlop.runtime.version import seccomp_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb("features", "", "show what this runtime supports", (), minimum=0, maximum=0)


def run(call: Call) -> Answer:  # noqa: ARG001 (the interface of every verb)
    """The features document as indented JSON."""
    return Answer(
        encode(features(version=__version__, seccomp_version=seccomp_version(), mount_options=option_names()), indent=2)
        + "\n"
    )
