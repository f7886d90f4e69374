"""What a model is put through before anybody trains it for long: `selftest --json`."""

from typing import Literal

from inspector.core.recipe import InputSpec
from inspector.core.record import Record

Outcome = Literal["passed", "failed", "undecided"]


class SelfTestSettings(Record, frozen=True, kw_only=True):
    """How long training on one batch may take."""

    inputs: list[InputSpec] = []
    """Worked out where there are none."""
    steps: int = 100
    seconds: float = 10.0
    """For each of the two trainings."""


class SelfTest(Record, frozen=True, kw_only=True):
    """One test with what it saw."""

    name: str
    """``overfit``, ``baseline``, ``dependency``."""
    outcome: Outcome
    message: str
    evidence: str
    losses: list[float] = []
    """Step by step, of the tests that train."""


class SelfTestReport(Record, frozen=True, kw_only=True):
    """All tests."""

    schema_version: int = 1
    tests: list[SelfTest]
    dependencies: list["Dependency"] = []

    @property
    def failed(self) -> bool:
        """Whether one did."""
        return any(test.outcome == "failed" for test in self.tests)


class Dependency(Record, frozen=True, kw_only=True):
    """Which places along one axis of the input each place along the same axis of an output depends on."""

    axis: Literal["batch", "time"]
    input: str
    output: str
    matrix: list[list[bool]]
    """By output place, then by input place."""

    @property
    def pattern(self) -> str:
        """What it looks like: each its own, causal, all of them."""
        seen = {(out, into) for out, row in enumerate(self.matrix) for into, one in enumerate(row) if one}
        places = [(out, into) for out, row in enumerate(self.matrix) for into in range(len(row))]
        patterns = {
            "none": set[tuple[int, int]](),
            "each its own": {(out, into) for out, into in places if out == into},
            "those up to its own": {(out, into) for out, into in places if into <= out},
            "those from its own on": {(out, into) for out, into in places if into >= out},
            "all": set(places),
        }
        return next((name for name, wanted in patterns.items() if seen == wanted), "some")
