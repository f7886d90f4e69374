"""The inputs that passes are run on: typed, or the next of those that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from inspector.core import wording
from inspector.core.recipe import InputSpec, parse_input
from inspector.core.table import Input
from inspector.tui.opening import trace, trace_again

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def current_inputs(app: NNInspectApp) -> list[InputSpec]:
    """The inputs chosen, else those that the last pass used."""
    return app.inputs or [as_spec(one) for one in app.table.inputs if one.spec] if app.table else []


def as_spec(one: Input, shape: list[int] | None = None) -> InputSpec:
    """An input of the last pass as it would be asked for, with another shape where one is given."""
    spec = parse_input(one.spec)
    return spec if shape is None else msgspec.structs.replace(spec, shape=shape)


def choose_input(app: NNInspectApp) -> None:
    """Ask for other inputs and trace with them."""
    from inspector.tui.input_dialog import InputDialog

    def use(chosen: list[InputSpec] | None) -> None:
        if chosen is not None:
            app.inputs = chosen
            trace_again(app)

    used = app.table.inputs if app.table is not None else []
    app.push_screen(InputDialog(current_inputs(app), used), use)


def next_input(app: NNInspectApp) -> None:
    """To the next shape that the model would take."""
    _step_input(app, 1)


def previous_input(app: NNInspectApp) -> None:
    """To the shape before."""
    _step_input(app, -1)


def _step_input(app: NNInspectApp, by: int) -> None:
    if app.table is None:
        return
    before = app.table.inputs
    shapes = [next_shape(one, by) for one in before]
    app.inputs = [as_spec(one, shape) for one, shape in zip(before, shapes, strict=True)]
    place = next((place_among(one, shape) for one, shape in zip(before, shapes, strict=True) if shape), "")

    async def step() -> None:
        await trace(app)
        if app.table is not None and app.table.failure is None:
            app.say(place)

    app.conversation.spawn(step())


def next_shape(one: Input, by: int) -> list[int] | None:
    """The shape `by` steps on among those that do: all of a range that ends, else those that were tried."""
    shape = one.shape
    ending = next((sizes for sizes in one.sizes if sizes.high is not None), None)
    if shape and ending is not None and ending.high is not None:
        sizes = range(ending.low, ending.high + 1, ending.step)
        size = sizes[((shape[ending.axes[0]] - ending.low) // ending.step + by) % len(sizes)]
        return [size if axis in ending.axes else old for axis, old in enumerate(shape)]
    shapes = ([shape] if shape and shape not in one.alternatives else []) + one.alternatives
    at = shapes.index(shape) if shape in shapes else 0
    return shapes[(at + by) % len(shapes)] if shapes else None


def place_among(one: Input, shape: list[int]) -> str:
    """Which of the sizes that do a shape of this input has: ``x 1×3×33×33: 33 of 32…35``."""
    ending = next((sizes for sizes in one.sizes if sizes.high is not None), None)
    if ending is not None:
        step = f" by {ending.step}" if ending.step > 1 else ""
        among = f"{shape[ending.axes[0]]} of {ending.low}…{ending.high}{step}"
    else:
        shapes = sorted([*([one.shape] if one.shape and one.shape not in one.alternatives else []), *one.alternatives])
        among = f"{shapes.index(shape) + 1} of {len(shapes)} to step through"
    solutions = f" ({one.solutions})" if one.solutions and ending is None else ""
    return f"{wording.model_input(msgspec.structs.replace(one, shape=shape))}: {among}{solutions}"
