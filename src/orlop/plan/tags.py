"""The points at which the two processes of a plan wait for each other, in the order in which init meets them.

They are the tags of `release` and `await`, `signal` and `wait_signal`.
"""

from __future__ import annotations

TAG_MAPS = 1  # the id maps may be written; they are
TAG_STAGE = 2  # the stage has made init
TAG_NETWORK = 3  # the network namespace is made: init gets it
TAG_CGROUP = 4  # the cgroup is there, with its limits
TAG_HOOKS = 5  # the container's mounts are there, the runtime's hooks may run
TAG_STATE = 6  # state.json names the pid, the container may become permanent
TAG_READY = 7  # everything is set up: created
