"""The script of the resident planner: `python3 -I -S -B resident.py WORDS...`, the words of `orun ... planner ...`.

Run without `site`, so it finds its own package first.
"""

import sys

root = __file__.rsplit("/", 3)[0]
sys.path.insert(0, root)

from orlop.runtime.verb_planner import main  # noqa: E402 (the path must be there first)

sys.exit(main(sys.argv[1:]))
