"""The planner as a child of one executor: `python3 -I -S -B cold.py FD VERB`. Serves one request on FD, and ends.

Run as a script without `site`, so it finds its own package first. It is compiled at every start, so it is short; its
imports are a budget (docs/performance.md).
"""

import sys

root = __file__.rsplit("/", 3)[0]
sys.path.insert(0, root)

from orlop.runtime.cold_planner import main  # noqa: E402 (the path must be there first)

main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "", root)
