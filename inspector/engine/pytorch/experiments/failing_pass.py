"""Whether the model runs: as it is, in train mode, and with gradients recorded."""

from dataclasses import dataclass

from inspector.core.errors import NO_FAILURES
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Input
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.gradient_flow import arguments_of_samples, with_shapes
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.inputs.showing import as_inputs
from inspector.engine.pytorch.patches import patch_of
from inspector.engine.pytorch.recording import FailedCall, Recorder


@dataclass(frozen=True)
class FailingPass:
    """A pass that raised."""

    failure: Failure
    training: bool
    grad: bool
    """Whether gradients were recorded, where the pass runs without."""
    in_place: bool
    """Whether the call that raised changes a tensor in place."""
    inputs: tuple[Input, ...]
    patch: str
    """What mends it in the user's source; "" where nothing is known to."""


def failing_pass(subject: Subject) -> FailingPass | None:
    """The first pass that fails: without gradients in the mode that the model is in, in train mode, with gradients.

    Raises RequestError where no input can be worked out.
    """
    specs = subject.find_inputs()
    subject = with_shapes(subject)
    for training, grad in ((subject.module.training, False), (True, False), (True, True)):
        failures: list[FailingPass] = []
        for arguments in arguments_of_samples(subject, subject.seed) if training else (subject.arguments(),):
            failed = _attempt(subject, arguments, specs, training, grad)
            if failed is None:
                failures = []
                break
            failures.append(failed)
        if failures:
            return failures[0]
    return None


def _attempt(
    subject: Subject, arguments: Arguments, specs: list[InputSpec], training: bool, grad: bool
) -> FailingPass | None:
    recorder = Recorder(subject.module)
    try:
        subject.run(arguments, training=training, grad=grad, recorder=recorder)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        in_place = recorder.failed_call is not None and _is_in_place(recorder.failed_call)
        failure = describe_failure(problem, subject.module, recorder, specs)
        fix = next((fix for fix in failure.fixes if fix.edits), None)
        inputs = tuple(as_inputs(subject.module, specs, "given"))
        return FailingPass(failure, training, grad, in_place, inputs, patch_of(fix.edits) if fix is not None else "")
    return None


def _is_in_place(call: FailedCall) -> bool:
    name = getattr(call.func, "__name__", "")
    named = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
    return named or bool(call.kwargs.get("inplace")) or call.kwargs.get("out") is not None
