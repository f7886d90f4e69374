"""``python -m inspector`` is `nninspect`."""

import sys

from inspector.cli.main import run

sys.exit(run())
