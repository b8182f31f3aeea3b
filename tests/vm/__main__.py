"""Boot the machine, run one shell command there, print what it prints: `python -m tests.vm 'uname -r'`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest has it

from vm.machine import run

_TIMEOUT_S = 3600

if len(sys.argv) != 2:
    sys.exit("usage: python -m tests.vm COMMAND")
with tempfile.TemporaryDirectory(prefix="vm-") as directory:
    outcome = run(sys.argv[1], Path(directory), timeout_s=_TIMEOUT_S)
print(outcome.out, end="")
sys.exit(outcome.code)
