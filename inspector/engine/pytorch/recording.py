"""Records a pass: modules by hooks, the functions between them by a function mode, in call order."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.table import FormulaLine, ReceptiveField, Source
from inspector.engine.pytorch.calls import CallRecord, FailedCall
from inspector.engine.pytorch.costs import OperationCounter
from inspector.engine.pytorch.function_names import called_name
from inspector.engine.pytorch.module_calls import ModuleCalls
from inspector.engine.pytorch.nested import any_tensor, shapes_of, tensors_in
from inspector.engine.pytorch.op_calls import Returned
from inspector.engine.pytorch.places import own_parameters, places_of
from inspector.engine.pytorch.repeated_calls import is_transforming
from inspector.engine.pytorch.source_lines import called_text, line_of, user_frame
from inspector.engine.pytorch.storages import bytes_made
from inspector.engine.pytorch.structure import dtype_name


class Fields(Protocol):
    """Receptive fields riding on the tensors of a pass: `inspector.engine.pytorch.field_calls.FieldTracker`."""

    def observe(self, call: Returned, path: str) -> None:
        """Take note of a function call."""

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """What tells, after the pass, the receptive field of the first tensor in `value`."""


class Stepper(Protocol):
    """Takes part in a pass: `inspector.engine.pytorch.stepping.stepper`. What it calls itself is not recorded."""

    def before(
        self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that a call goes on with, below `depth` others. May raise to end the pass."""

    def after(self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The output that the pass goes on with. May raise to end the pass."""


_NOWHERE = [""]
"""The paths of a module that the model does not hold."""
FormulaOf = Callable[[Returned], list[FormulaLine] | None]
Measure = Callable[[CallRecord, Any], None]


class Recorder(TorchFunctionMode):
    """While entered, records every call that `model` makes; `root` is the record of the model's own call.

    `fields` makes what follows receptive fields from the input tensors, `formula_of` works layer formulas, `measure` is
    given each record with its output and is not counted in the times, `device` is where stand-ins on meta seem to be.
    With `costs` operations are counted, which takes time of its own. A `stepper` is asked before and after every call.
    The `clock` tells the seconds.
    """

    def __init__(
        self,
        model: nn.Module,
        fields: Callable[[list[torch.Tensor]], Fields] | None = None,
        formula_of: FormulaOf | None = None,
        measure: Measure | None = None,
        device: str | None = None,
        costs: bool = False,
        stepper: Stepper | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.model = model
        self._clock = clock
        self._stepper = stepper
        self._aside = False
        """Whether the stepper is at work: what is called then is no part of the pass."""
        self._make_fields = fields
        self._fields: Fields | None = None
        self._formula_of = formula_of
        self._measure = measure
        self._device = device
        self.counter = OperationCounter(self._add_flops) if costs else None
        self.run: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] = _plainly
        """Calls a function: a pass on stand-ins without values has its own way."""
        self._function: CallRecord | None = None
        """The function being called, if it has a row."""
        self._stack: list[CallRecord] = []
        self._overhead = 0.0
        self._lines: dict[tuple[str, int], Source] = {}
        self._paths: dict[int, list[str]] = {}
        places = places_of(model)
        modules = list({id(place.module): place.module for place in places}.values())
        self._module_calls = ModuleCalls(modules, self._before, self._after)
        for place in places:
            self._paths.setdefault(id(place.module), []).append(place.path)
        self.root: CallRecord | None = None
        self.failed: CallRecord | None = None
        """The innermost record that was open when an exception passed that the model did not catch."""
        self.failed_call: FailedCall | None = None
        """The function call that raised the last exception, caught or not."""
        self.given: dict[int, tuple[Any, Any]] = {}
        """By the module's id, the arguments of each whose forward failed."""

    def __enter__(self) -> "Recorder":
        self._module_calls.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        if self.counter is not None:
            self.counter.__enter__()  # type: ignore[no-untyped-call]  # as above
        return self

    def __exit__(self, *problem: Any) -> None:
        if self.counter is not None:
            self.counter.__exit__(*problem)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        super().__exit__(*problem)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._module_calls.__exit__(*problem)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._aside:
            return func(*args, **kwargs)
        if not self._stack or self._stack[-1].is_opaque:
            return self.run(func, args, kwargs)
        caller = self._stack[-1]
        began = self._clock()
        name = None if caller.is_torch_leaf or not callable(func) else called_name(func, sys._getframe(1))
        record = None
        if name is not None:
            record = CallRecord(caller.path, name, None, (args, kwargs) if kwargs else args)
            record.source = self._source_of(sys._getframe(1))
            if self._stepper is not None:
                args, kwargs = self._ask_before(record, args, kwargs)
        record_started = self._clock()
        overhead_before = self._overhead
        self._function = record
        try:
            result = self.run(func, args, kwargs)
        except BaseException as problem:
            self.failed_call = FailedCall(problem, func, args, kwargs, self.model)
            if record is not None:
                record.failed, record.inputs = True, []
                self._attach(record, caller)
                self.failed = self.failed or record
            raise
        finally:
            self._function = None
        finished = self._clock()
        if record is not None:
            record.seconds = finished - record_started - (self._overhead - overhead_before)
        self._overhead += record_started - began
        if self._stepper is not None and record is not None and _makes_row(record, result):
            result = self._ask_after(record, args, kwargs, result)
        self._observe(func, args, kwargs, result, caller, record)
        self._overhead += self._clock() - finished
        return result

    @property
    def running(self) -> CallRecord | None:
        """The innermost call that is running now."""
        return self._function or (self._stack[-1] if self._stack else None)

    def _add_flops(self, flops: int) -> None:
        record = self.running
        if record is not None:
            record.flops = (record.flops or 0) + flops

    def _observe(
        self, func: Any, args: Any, kwargs: Any, result: Any, caller: CallRecord, record: CallRecord | None
    ) -> None:
        formula = None
        if self._fields is not None or self._formula_of is not None:
            with torch._C.DisableTorchFunction():
                call = Returned(func, args, kwargs, result)
                if self._fields is not None:
                    self._fields.observe(call, caller.path)
                formula = self._formula_of(call) if self._formula_of is not None else None
        if record is None:
            if formula and caller.formula is None:
                caller.formula = formula
            return
        if not _makes_row(record, result):
            return
        record.formula = formula
        self._finish(record, result)
        self._attach(record, caller)
        caller.nested_seconds += record.seconds or 0.0

    def _finish(self, record: CallRecord, output: Any) -> None:
        outputs = list(tensors_in(output))
        record.output_shapes = shapes_of(outputs)
        record.output_ids = list(map(id, outputs))
        if outputs:
            first = outputs[0]
            record.dtype = dtype_name(first.dtype)
            record.device = self._device if first.is_meta and self._device else str(first.device)
        record.output_bytes = sum([tensor.numel() * tensor.element_size() for tensor in outputs])
        if not record.children and not record.called:
            # A layer of torch's own returns no parameter of its own.
            own = own_parameters(record.module) if record.module is not None and not record.is_torch_leaf else []
            record.made_bytes = bytes_made(record.inputs + own, outputs)
        record.inputs = []
        if self._fields is not None and outputs:
            record.field = self._fields.field_of(outputs[0])
        if self._measure is not None and not is_transforming():
            self._measure(record, output)

    def _before(self, module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """The arguments to go on with, where a stepper may have changed them; as torch's hooks give them."""
        if self._aside:
            return None
        began = self._clock()
        with torch._C.DisableTorchFunction():
            paths = self._paths.get(id(module), _NOWHERE)
            record = CallRecord(paths[0], type(module).__name__, module, (args, kwargs) if kwargs else args)
            record.place = paths[0] if len(paths) == 1 else self._place_of(module)
            record.places = paths
        record.source = self._source_of(sys._getframe(1))
        if self._stack:
            self._stack[-1].called.append(record)
            self._attach(record, self._stack[-1])
        else:
            self.root = record
            self._fields = self._make_fields(list(tensors_in((args, kwargs)))) if self._make_fields else None
        given = None if self._stepper is None else self._ask_before(record, args, kwargs)
        self._stack.append(record)
        record.started = self._clock()
        self._overhead += record.started - began
        record.nested_seconds = 0.0
        record.measured = self._overhead
        return given

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """The output to go on with where a stepper changed it, else None; as torch's hooks give it."""
        if self._aside:
            return None
        ended = self._clock()
        while self._stack and self._stack[-1].module is not module:
            self._stack.pop()
        if not self._stack:
            return None
        record = self._stack.pop()
        record.seconds = ended - record.started - (self._overhead - record.measured)
        record.measured = None
        if output is None and sys.exc_info()[0] is not None:
            record.failed, record.inputs = True, []
            self.given[id(module)] = (args, kwargs)
            self.failed = self.failed or record
        else:
            self.failed = None
            output = self._ask_after(record, args, kwargs, output)
            with torch._C.DisableTorchFunction():
                if record.is_opaque and self._fields is not None:
                    self._fields.observe(Returned(torchscript, args, kwargs, output), record.path)
                self._finish(record, output)
        if self._stack:
            self._stack[-1].nested_seconds += record.seconds
        self._overhead += self._clock() - ended
        return None if record.failed or self._stepper is None else output

    def _ask_before(self, record: CallRecord, args: Any, kwargs: Any) -> tuple[Any, Any]:
        if self._stepper is None:
            return args, kwargs
        self._aside = True
        try:
            return self._stepper.before(record, len(self._stack), args, kwargs)
        finally:
            self._aside = False

    def _ask_after(self, record: CallRecord, args: Any, kwargs: Any, output: Any) -> Any:
        if self._stepper is None:
            return output
        self._aside = True
        try:
            return self._stepper.after(record, len(self._stack), args, kwargs, output)
        finally:
            self._aside = False

    def _source_of(self, frame: FrameType) -> Source | None:
        """The user's line behind a call; each is read once."""
        user = user_frame(frame)
        if user is None:
            return None
        at = user.f_code.co_filename, user.f_lineno
        if at not in self._lines:
            self._lines[at] = line_of(*at)
        return self._lines[at]

    def _place_of(self, module: nn.Module) -> str:
        """The place under which the caller knows a module that is registered in several.

        The one that its line of source names; else the n-th at its n-th call.
        """
        places = self._paths.get(id(module), [""])
        if len(places) == 1 or not self._stack:
            return places[0]
        caller = self._stack[-1]
        prefix = f"{caller.place}." if caller.place else ""
        direct = [place for place in places if place.startswith(prefix) and "." not in place.removeprefix(prefix)]
        if not direct:
            return next((place for place in places if place.startswith(prefix)), places[0])
        written = called_text(user_frame(sys._getframe(2)))
        named = [place for place in direct if written.endswith(f".{place.rpartition('.')[2]}")]
        if len(named) == 1:
            return named[0]
        return direct[sum(earlier.module is module for earlier in caller.called) % len(direct)]

    def _attach(self, record: CallRecord, caller: CallRecord) -> None:
        """Hang a function under its caller, a module under the nearest running module that contains its place."""
        if not record.is_function:
            for ancestor in reversed(self._stack):
                if not ancestor.path or record.path.startswith(ancestor.path + "."):
                    caller = ancestor
                    break
        caller.children.append(record)


def _makes_row(record: CallRecord, result: Any) -> bool:
    """Whether a function's call is worth a row: it gives a tensor, or writes into one."""
    return type(result) is torch.Tensor or record.type.endswith(("=", "_")) or any_tensor(result)


def _plainly(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


def torchscript() -> None:
    """Stands for what a scripted or traced module called."""
