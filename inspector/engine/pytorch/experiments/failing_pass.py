"""Whether the model runs: as it is, in train mode, and with gradients recorded."""

from dataclasses import dataclass

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.input_names import argument_of
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Input
from inspector.engine.pytorch.absent_devices import absent_device
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import FailedCall
from inspector.engine.pytorch.experiments.gradient_flow import arguments_for_mode, gradient_flow
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.inputs.showing import as_inputs
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.signatures import parameters_of
from inspector.engine.pytorch.source_edits import patch_of


@dataclass(frozen=True)
class FailingPass:
    """A pass that raised."""

    failure: Failure
    training: bool
    grad: bool
    """Whether gradients were recorded, where the pass runs without."""
    in_place: bool
    """Whether the call that raised changes a tensor in place."""
    lacks_device: str | None
    """The type of the device that the call asked for by name, where this machine has none."""
    missing: tuple[str, ...]
    """Optional arguments that were not given: in train mode a model may want them, as targets."""
    inputs: tuple[Input, ...]
    patch: str
    """What mends it in the user's source; "" where nothing is known to."""


def failing_pass(subject: Subject) -> FailingPass | None:
    """The first pass that fails: without gradients in the mode that the model is in, else in either mode.

    Raises RequestError where no input can be worked out.
    """
    specs = subject.specs
    failed = _attempt(subject, subject.arguments(), specs, subject.module.training, False)
    if failed is not None or not _fails_with_gradients(subject):
        return failed
    for training, grad in ((False, False), (True, False), (False, True), (True, True)):
        for arguments in arguments_for_mode(subject, training, subject.seed):
            failed = _attempt(subject, arguments, specs, training, grad)
            if failed is None:
                break
        if failed is not None:
            return failed
    return None


def _fails_with_gradients(subject: Subject) -> bool:
    try:
        return bool(subject.of(gradient_flow).problems)
    except RequestError:
        return True


def _attempt(
    subject: Subject, arguments: Arguments, specs: list[InputSpec], training: bool, grad: bool
) -> FailingPass | None:
    recorder = Recorder(subject.module)
    try:
        subject.run(arguments, training=training, grad=grad, recorder=recorder)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        call = recorder.failed_call
        failure = describe_failure(problem, subject.module, recorder, specs)
        fix = next((fix for fix in failure.fixes if fix.edits), None)
        return FailingPass(
            failure=failure,
            training=training,
            grad=grad,
            in_place=call is not None and _is_in_place(call),
            lacks_device=absent_device(call) if call is not None else None,
            missing=_not_given(subject, specs),
            inputs=tuple(as_inputs(subject.module, specs, "given")),
            patch=patch_of(fix.edits) if fix is not None else "",
        )
    return None


def _not_given(subject: Subject, specs: list[InputSpec]) -> tuple[str, ...]:
    given = {argument_of(spec.name) for spec in specs if spec.name}
    positional = sum(not spec.name for spec in specs)
    rest = parameters_of(subject.module)[positional:]
    return tuple(one.name for one in rest if one.default is None and one.name not in given)


def _is_in_place(call: FailedCall) -> bool:
    name = getattr(call.func, "__name__", "")
    named = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
    return named or bool(call.kwargs.get("inplace")) or call.kwargs.get("out") is not None
