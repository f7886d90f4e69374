"""Why a forward failed and what would make it run: one folder of rules, each for one kind of failure."""

from inspector.core.table import Fix
from inspector.engine.pytorch.explaining import (  # noqa: F401 - each registers its rules, the most specific first
    absent_returns,
    bounded_tables,
    devices_and_dtypes,
    indexing,
    joining,
    lost_batches,
    normalising,
    products,
    python_attributes,
    python_calls,
    python_values,
    reshaping,
    sequences,
    windows,
)
from inspector.engine.pytorch.explaining.registry import rules_for
from inspector.engine.pytorch.explaining.scene import Scene


def explain(scene: Scene) -> tuple[str, list[Fix]]:
    """What the first rule that knows the failure says, and its fixes; "" where none does."""
    for rule, arguments in rules_for(scene):
        scene.arguments = arguments
        try:
            explained = rule(scene)
        except Exception:  # an unusual call must not hide the failure itself: another rule may know it
            continue
        if explained is not None:
            return explained.why, [fix for fix in explained.fixes if fix is not None]
    return "", []
