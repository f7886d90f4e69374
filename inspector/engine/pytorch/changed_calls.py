"""One call of a pass with other settings: found again in the pass, read, and made with what is proposed instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import torch

from inspector.core.errors import RequestError
from inspector.core.table import FormulaLine, Row
from inspector.core.what_if import NAMES, Operation, Settings
from inspector.core.wording import shape
from inspector.engine.pytorch.calls import CallRecord, calls_of
from inspector.engine.pytorch.field_calls import formula_of
from inspector.engine.pytorch.formulas import refused_formula
from inspector.engine.pytorch.nested import shapes_in, tensors_in
from inspector.engine.pytorch.op_calls import Arguments, Returned, arguments_of, each, read_call
from inspector.engine.pytorch.recording import Recorder

_OPERATIONS = ("conv", "conv_transpose", "pool", "max_unpool", "adaptive_pool")
_ARGUMENTS = {"kernel": "kernel_size"}
"""Where torch's functions have another name for a setting."""


@dataclass(frozen=True)
class Target:
    """Which call is meant: the n-th with this path and name in the order of execution."""

    path: str
    function: str
    number: int

    def is_called(self, root: CallRecord | None, caller: CallRecord, running: CallRecord | None) -> bool:
        """Whether a function called now by `caller`, with the row `running`, is the one or in the one."""
        if not self.function:
            return caller.path == self.path and self._find(root) is caller
        if running is None or (running.path, running.type) != (self.path, self.function):
            return False
        # The running function hangs in the tree only once it has returned.
        return len(calls_like(root, running)) == self.number

    def _find(self, root: CallRecord | None) -> CallRecord | None:
        calls = [call for call in calls_of(root) if not call.is_function]
        found = [call for call in calls if call.path == self.path]
        return found[self.number] if self.number < len(found) else None


def target_of(row: Row, root: CallRecord | None) -> Target:
    """The call behind a row. Raises RequestError where the last pass has none."""
    if row.kind == "function":
        return Target(row.path, row.type, row.call)
    modules = [call for call in calls_of(root) if not call.is_function]
    here = [call for call in modules if call.place == row.path] or [call for call in modules if row.path in call.places]
    if row.call >= len(here):
        raise RequestError(f"no pass has reached {row.path or 'the model'}; give --input for one that does")
    call = here[row.call]
    same = [one for one in modules if one.path == call.path]
    return Target(call.path, "", next(number for number, one in enumerate(same) if one is call))


def calls_like(root: CallRecord | None, record: CallRecord) -> list[CallRecord]:
    """All calls of the same module, or of the same function by the same module, in order."""
    key = (record.is_function, record.path, record.type)
    return [call for call in calls_of(root) if (call.is_function, call.path, call.type) == key]


@dataclass
class Met:
    """The call that was looked for, as it was and as it is made instead."""

    operation: Operation
    now: Settings
    settings: Settings
    input_shape: list[int]
    parameters_before: int | None
    parameters_after: int | None
    record: CallRecord
    call: tuple[Any, tuple[Any, ...], dict[str, Any]]
    result: Any = None
    formula: list[FormulaLine] = field(default_factory=list)


class ChangedPass(Recorder):
    """Records a pass in which one call has other settings, and some calls are taken to have put out a known shape.

    Calls are numbered from 0 in the order in which they are made.
    """

    def __init__(
        self, model: torch.nn.Module, target: Target, settings: Settings | None, assumed: Mapping[int, list[int]]
    ) -> None:
        super().__init__(model)
        self._target = target
        self._settings = settings
        self._assumed = assumed
        self._made = 0
        self._plain_run = self.run
        self.met: Met | None = None
        self.raised_at: int | None = None
        """The number of the call that raised the last exception."""

    def __enter__(self) -> "ChangedPass":
        # The pass has said by now how calls are made; here some are made otherwise.
        self._plain_run, self.run = self.run, self._changed_run
        super().__enter__()
        return self

    def _changed_run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        number, self._made = self._made, self._made + 1
        if number in self._assumed:
            return next(tensors_in((args, kwargs))).new_empty(self._assumed[number])
        caller = self._stack[-1] if self._stack else None
        met = None
        if self.met is None and caller and self._target.is_called(self.root, caller, self._function):
            met = self.met = _meet(func, args, kwargs, self._settings, self._function or caller)
            func, args, kwargs = met.call if met is not None else (func, args, kwargs)
        try:
            result = self._plain_run(func, args, kwargs)
        except BaseException:
            self.raised_at = number
            if met is not None:
                reading = read_call(*met.call, [])
                met.formula = (refused_formula(reading) if reading is not None else None) or []
            raise
        if met is not None:
            met.result = shapes_in(result)[0]
            met.formula = formula_of(Returned(func, args, kwargs, result)) or []
        return result


def _meet(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], wanted: Settings | None, record: CallRecord
) -> Met | None:
    """None where the function is not one with a window: the layer's own may come later, as after F.pad."""
    arguments = arguments_of(func, args, kwargs)
    reading = read_call(func, args, kwargs, []) if arguments is not None else None
    if arguments is None or reading is None or reading.op not in _OPERATIONS:
        return None
    now = _settings_of(reading.op, cast(dict[str, Any], reading.settings), arguments)
    if getattr(record.module, "padding_mode", "zeros") != "zeros":
        # Such a layer pads in a call of its own; what this one is given is 0.
        now = msgspec.structs.replace(now, padding=None)
    settings = wanted or now
    changed = [name for name in NAMES if getattr(settings, name) != getattr(now, name)]
    if "kernel" in changed and "stride" not in changed and reading.op != "conv":
        # A pooling's stride is by default its kernel; the stride shown is the one that stays.
        changed.append("stride")
    made = _with_settings(func, args, kwargs, arguments, settings, changed) if changed else (func, args, kwargs)
    return Met(
        operation=cast(Operation, reading.op),
        now=now,
        settings=settings,
        input_shape=list(arguments["input"].shape),
        parameters_before=_parameters(args, kwargs) if "weight" in arguments else None,
        parameters_after=_parameters(made[1], made[2]) if "weight" in arguments else None,
        record=record,
        call=made,
    )


def _settings_of(op: str, read: dict[str, Any], arguments: Arguments) -> Settings:
    if op == "adaptive_pool":
        return Settings(output_size=list(read["wanted"]))
    given = {name: list(read[name]) for name in ("kernel", "stride")}
    given |= {name: list(read[name]) for name in ("padding", "dilation", "output_padding") if name in arguments}
    if isinstance(arguments.get("padding"), str):
        given["padding"] = arguments["padding"]
    ceil_mode = bool(arguments["ceil_mode"]) if "ceil_mode" in arguments else None
    channels = None
    if "weight" in arguments:
        weight = arguments["weight"]
        channels = weight.shape[1] * arguments["groups"] if op == "conv_transpose" else weight.shape[0]
    return Settings(**given, ceil_mode=ceil_mode, out_channels=channels)


def _with_settings(
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    arguments: Arguments,
    settings: Settings,
    changed: list[str],
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    replaced: dict[str, Any] = {}
    for name in changed:
        value = getattr(settings, name)
        if "weight" in arguments and name in ("kernel", "out_channels"):
            replaced |= _weights(arguments, settings, transposed="output_padding" in arguments)
        elif isinstance(value, list):
            # Some of torch's one-dimensional functions take no tuples.
            replaced[_ARGUMENTS.get(name, name)] = value[0] if len(value) == 1 else tuple(value)
        else:
            replaced[name] = value
    places = {name: place for place, name in enumerate(arguments)}
    positional = [replaced.pop(name, args[place]) for name, place in places.items() if place < len(args)]
    return func, tuple(positional), {**kwargs, **replaced}


def _weights(arguments: Arguments, settings: Settings, transposed: bool) -> dict[str, Any]:
    """Weight and bias of the shapes that fit, without values."""
    weight, bias, groups = arguments["weight"], arguments["bias"], int(arguments["groups"])
    channels = settings.out_channels or 1
    if channels % groups:
        raise RequestError(f"out_channels={channels} is not a multiple of the {groups} groups of this convolution")
    kernel = each(settings.kernel, len(weight.shape) - 2)
    sizes = [weight.shape[0], channels // groups] if transposed else [channels, weight.shape[1]]
    try:
        made = {"weight": weight.new_empty([*sizes, *kernel])}
    except RuntimeError:
        raise RequestError(
            f"its weight would be {shape([*sizes, *kernel])}, larger than any tensor; choose smaller numbers"
        ) from None
    return made if bias is None else {**made, "bias": bias.new_empty([channels])}


def _parameters(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The elements of all tensors of a call but the first, which is its input."""
    return sum(tensor.numel() for tensor in list(tensors_in((args, kwargs)))[1:])
