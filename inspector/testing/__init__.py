"""Assertions about models for tests, with pytest or without.

With pytest the fixture `model_snapshot` comes by itself, with ``--nninspect-update``; see `inspector.pytest_plugin`.
"""

from inspector.testing.assertions import assert_healthy, assert_loads
from inspector.testing.snapshots import assert_snapshot

__all__ = ["assert_healthy", "assert_loads", "assert_snapshot"]
