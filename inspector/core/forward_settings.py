"""How a model is to be run on real values."""

from inspector.core.device_budgets import PlanSettings
from inspector.core.recipe import InputSpec
from inspector.core.record import Record


class ForwardSettings(Record, frozen=True, kw_only=True):
    """A real pass, or several on batches drawn anew."""

    inputs: list[InputSpec] = []
    """Those of the last pass where there are none, else worked out."""
    seed: int = 0
    """Of the first batch; the others count on from it."""
    backward: bool = False
    batches: int = 1
    timed: int = 0
    """Passes for times alone, after the others; of PyTorch models only."""
    placement: PlanSettings | None = None
    """Over several devices, as planned by these; None leaves the model where it is."""
