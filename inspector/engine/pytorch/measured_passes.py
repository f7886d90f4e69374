"""The passes of one request: those that are measured, then those for times alone, where a plan puts them."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import nn

from inspector.core.forward_settings import ForwardSettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import later_seed
from inspector.core.results import Timing
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.dispatching import moved, placed
from inspector.engine.pytorch.running import Run, run_forward
from inspector.engine.pytorch.timing import timed_passes


class Draw(Protocol):
    """Makes the arguments of a batch by its number."""

    def __call__(self, number: int, device: str | None = None) -> Arguments:
        """On `device`, else where the model's inputs go."""


def measured_passes(
    model: nn.Module,
    settings: ForwardSettings,
    draw: Draw,
    plan: PlacementPlan | None,
    calls: int | None,
    progress: Progress,
) -> tuple[Run, Timing | None]:
    """Run on as many batches as wanted, over the devices of the plan.

    `calls` is how many calls the last pass made, for the progress report.
    """
    with contextlib.ExitStack() as stack:
        given: Callable[[int], Arguments] = draw
        if plan is not None and settings.placement is not None:
            # While the model is placed, its parameters do not tell where inputs belong.
            given = partial(_drawn_on, plan.main_device, draw)
            stack.enter_context(placed(model, plan, settings.placement.folder, settings.backward))
        drawn = ((given(number), later_seed(settings.seed, number)) for number in range(settings.batches))
        run = run_forward(model, drawn, settings.batches, settings.backward, progress, calls)
        if not settings.timed or run.failure is not None or run.backward_problem is not None:
            return run, None
        measured = timed_passes(
            model,
            lambda: given(0),
            settings.seed,
            settings.timed,
            lambda done: progress(done, settings.timed, "passes for their times"),
        )
        run.take_times(measured)
        return run, measured.timing


def _drawn_on(device: str, draw: Draw, number: int) -> Arguments:
    """Also what a caller gave, which is elsewhere."""
    return moved(draw(number, device), device)
