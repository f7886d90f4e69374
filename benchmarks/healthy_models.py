"""How often `check` calls a healthy model wrong: python benchmarks/healthy_models.py.

Every model of tests/zoo_healthy at its start, with all rules; a finding of severity error or warning is a false one.
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "zoo_healthy")]

from healthy import HEALTHY  # noqa: E402  # of the folder that was just named

from inspector.checks.catalogue import RULES  # noqa: E402
from inspector.checks.running import check_model  # noqa: E402
from inspector.core.findings import CheckSettings  # noqa: E402
from inspector.core.recipe import Recipe, parse_input  # noqa: E402
from inspector.engine.opening import open_live  # noqa: E402


def main() -> None:
    """Print each false finding, then the rates."""
    counts: Counter[str] = Counter()
    applied, began = 0, time.perf_counter()
    for name, (target, specs) in HEALTHY.items():
        live = open_live(Recipe(target=target, inputs=[parse_input(spec) for spec in specs]))
        report = check_model(live, CheckSettings(), lambda *_: None)
        applied += len(RULES) - len({one.rule for one in report.not_run})
        for finding in report.findings:
            if finding.severity != "info":
                counts[finding.severity] += 1
                print(f"{name}: {finding.severity} {finding.rule} {finding.path}: {finding.message}")
    models = len(HEALTHY)
    print(
        f"{models} healthy models, {applied} applications of rules in {time.perf_counter() - began:.0f} s: "
        f"{counts['error']} false errors, {counts['warning']} false warnings, "
        f"{(counts['error'] + counts['warning']) / applied:.2%} of the applications"
    )


if __name__ == "__main__":
    main()
