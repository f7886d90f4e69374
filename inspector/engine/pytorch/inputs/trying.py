"""One try: a pass on a guess, and what it told."""

import warnings
from dataclasses import dataclass, field
from functools import partial
from math import prod
from types import FrameType

import torch
from torch import nn

from inspector.engine.pytorch.calls import calls_of
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.inputs import layer_call_wants, tensor_call_wants  # noqa: F401 - each registers its own
from inspector.engine.pytorch.inputs.arguments import named_arguments_for
from inspector.engine.pytorch.inputs.call_wants import wants_of
from inspector.engine.pytorch.inputs.failing_lines import Line
from inspector.engine.pytorch.inputs.line_wants import wants_of_line
from inspector.engine.pytorch.inputs.module_wants import wants_of_layer
from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.pattern_wants import wants_of_pattern
from inspector.engine.pytorch.inputs.preferences import preferred
from inspector.engine.pytorch.inputs.repairing import Guess, numbers_of
from inspector.engine.pytorch.inputs.wants import Want
from inspector.engine.pytorch.nested import shapes_in
from inspector.engine.pytorch.passes import Pass, full_recorder, run_shapes
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_lines import is_user_file, user_source

MOST_DRAWN = 1 << 22
"""Elements of a guess up to which its values are drawn: what larger ones come to is seen on meta."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a try; holds nothing of the pass itself, but where that took long."""

    guess: Guess
    works: bool
    layers: int
    """How many layers with parameters returned."""
    calls: int
    """How many calls were made until it failed."""
    wants: tuple[Want, ...] = ()
    """What the failing call would have taken; of a pass that did not fail, what would have been better."""
    site: str = ""
    """Where it failed."""
    kind: type[BaseException] | None = None
    said: str = ""
    outputs: list[list[int]] = field(default_factory=list)
    made: Pass | None = None
    """Of a try that took a real pass although that is not cheap: all that the table shows, not to be run again."""
    flattened: tuple[int, ...] = ()
    """Where the failing call was given a map made flat: the spatial sizes of that map."""

    @property
    def is_sound(self) -> bool:
        """Whether it works, and no view made several samples of one without a word."""
        return self.works and all(want.multiple is None for want in self.wants)

    @property
    def progress(self) -> tuple[int, int]:
        """How far it came."""
        return self.layers, self.calls


def attempt(model: nn.Module, guess: Guess, seed: int) -> Outcome:
    """Run the model on `guess`."""
    arguments, names = named_arguments_for(model, list(guess), seed, MOST_DRAWN)
    trackers: list[OriginTracker] = []
    notice = partial(preferred, model)

    def follow(inputs: list[torch.Tensor]) -> OriginTracker:
        trackers.append(OriginTracker(names, inputs, notice))
        return trackers[-1]

    recorders: list[Recorder] = []

    def record(module: nn.Module) -> Recorder:
        # The second one is that of a real pass after one on meta came to nothing: it may take seconds.
        recorders.append(full_recorder(module, follow) if recorders else Recorder(module, follow))
        return recorders[-1]

    with warnings.catch_warnings():
        # What torch warns of is an input that nobody gave.
        warnings.simplefilter("ignore")
        made = run_shapes(model, arguments, seed, record)
    calls = list(calls_of(made.recorder.root))
    layers = sum(1 for call in calls if call.module is not None and call.module._parameters and call.output_shapes)
    tracker = trackers[-1] if trackers else OriginTracker([], [], notice)
    if made.problem is None:
        return Outcome(
            guess=guess, works=True, layers=layers, calls=len(calls), wants=tuple(tracker.noticed),
            outputs=shapes_in(made.output), made=made if made.notes else None,
        )  # fmt: skip
    # What earlier calls would rather have taken comes last: it may be what the failure is due to.
    wants = [*_wants(made.problem, made.recorder, tracker), *tracker.noticed[:4]]
    source = user_source(made.problem.__traceback__)
    failed = made.recorder.failed
    outcome = Outcome(
        guess=guess,
        works=False,
        layers=layers,
        calls=len(calls),
        wants=tuple(wants),
        site=f"{source.file}:{source.line}" if source else failed.path if failed else "",
        kind=type(made.problem),
        said=first_line(made.problem),
        flattened=_flattened(made.recorder, wants),
    )
    # Its frames hold all that the pass had made.
    made.problem.__traceback__ = None
    return outcome


def _flattened(recorder: Recorder, wants: list[Want]) -> tuple[int, ...]:
    numbers = next((pair for want in wants if (pair := numbers_of(want)) is not None), None)
    # That of the most axes, for a map is made flat by and by.
    found: list[int] = []
    for call in calls_of(recorder.root) if numbers is not None else ():
        for shape in call.output_shapes:
            if len(shape) > 2 and numbers is not None and prod(shape[1:]) == numbers[0] and len(shape) >= len(found):
                found = shape
    return tuple(found[2:])


def _wants(problem: BaseException, recorder: Recorder, tracker: OriginTracker) -> list[Want]:
    call = recorder.failed_call
    found: list[Want] = []
    frames: list[FrameType] = []
    lines: list[Line] = []
    trace = problem.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        if is_user_file(trace.tb_frame.f_code.co_filename):
            lines.append(Line(trace.tb_frame, trace, tracker))
        trace = trace.tb_next
    with torch._C.DisableTorchFunction():
        line_wants: list[Want] = []
        # The innermost line first; those that called it may say what it was called with.
        for line in reversed(lines[-4:]):
            line_wants += _of_line(problem, line, line is lines[-1])
        own = [*wants_of_pattern(frames, tracker), *wants_of_layer(frames, tracker)]
    found += own
    if call is not None and call.problem is problem:
        found += wants_of(call.func, call.args, call.kwargs, tracker, problem)
        return [*found, *line_wants]
    return [*own, *line_wants, *found[len(own) :]]


def _of_line(problem: BaseException, line: Line, innermost: bool) -> list[Want]:
    try:
        return wants_of_line(problem, line, innermost)
    except Exception:  # a line that does not read as expected tells nothing
        return []
