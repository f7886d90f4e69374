"""What passes found about memory, as rows and totals."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import torch
from torch import nn

from inspector.core.device_fit import fit_on
from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.memory import (
    Fitting,
    MemoryReport,
    MemorySettings,
    Optimizer,
    Peak,
    RowMemory,
    largest_batch,
)
from inspector.core.recipe import InputSpec
from inspector.core.results import Device
from inspector.core.table import Note, Output, Row
from inspector.core.wording import shape
from inspector.engine.devices import existing_device, existing_devices
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.inputs.arguments import arguments_for, device_of_inputs
from inspector.engine.pytorch.inputs.showing import as_inputs
from inspector.engine.pytorch.memory_pass import NothingToTrainError, Ran, memory_pass, real_memory_pass
from inspector.engine.pytorch.memory_rows import PassRows
from inspector.engine.pytorch.nested import shapes_in, tensors_in, with_tensors
from inspector.engine.pytorch.places import bytes_of, inventory_of
from inspector.engine.pytorch.shape_pass import AFFORDABLE_MULTIPLICATIONS, has_lazy, is_cheap, materialised_copy
from inspector.engine.pytorch.stand_ins import NeedsValuesError
from inspector.engine.pytorch.storages import bytes_made
from inspector.engine.pytorch.structure import dtype_name, static_rows

KEPT: dict[Optimizer, int] = {"none": 0, "sgd": 1, "adam": 2}
"""Tensors like each parameter that an optimizer keeps between steps: momentum; Adam's two moments (`torch.optim`)."""
WORKED_WITH: dict[Optimizer, int] = {"none": 0, "sgd": 0, "adam": 1}
"""Tensors like each parameter that its step makes, as on a GPU, where all parameters change at once (``foreach``)."""


@dataclass(frozen=True)
class Subject:
    """The model, how it is called, and its table."""

    module: nn.Module
    arguments: Arguments
    specs: list[InputSpec]
    device: str
    seed: int
    static: list[Row]
    rows: list[Row]


def subject_of(model: nn.Module, specs: list[InputSpec], seed: int, rows: list[Row]) -> Subject:
    """A model called with inputs as specified; a copy of one whose parameters have no shape yet."""
    arguments = arguments_for(model, specs, seed)
    module = materialised_copy(model, arguments, seed) if has_lazy(model) else model
    return Subject(module, arguments, specs, device_of_inputs(module), seed, static_rows(module), rows)


def memory_report(subject: Subject, settings: MemorySettings, progress: Progress) -> MemoryReport:
    """The memory of inference in eval mode and of training in train mode.

    Raises RequestError where the model does not run on the inputs at that batch size and dtype.
    """
    dtype = getattr(torch, settings.dtype, None) if settings.dtype else None
    if settings.dtype and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise RequestError(f"{settings.dtype!r} is no floating-point type; choose float32, float16 or bfloat16")
    if settings.batch is not None and settings.batch < 1:
        raise RequestError(f"a batch of {settings.batch} has no samples; give 1 or more")
    devices = _devices(settings.devices)
    notes: list[Note] = []
    progress(0, 2, "memory in inference")
    inference = _passed(subject, settings.batch, dtype, False, notes)
    progress(1, 2, "memory in training")
    training: Ran | None = None
    try:
        training = _passed(subject, settings.batch, dtype, True, notes)
    except RequestError as problem:
        notes.append(Note(code="not-trained", message=f"no figures for training: {problem}"))
    if any(isinstance(module, nn.RNNBase) for module in subject.module.modules()):
        text = "recurrent layers were followed step by step; the kernels of cuDNN keep work space of their own instead"
        notes.append(Note(code="recurrent-memory", message=text))
    fitting = None
    if settings.limit is not None:
        fitting = _fitting(subject, settings, dtype, training is not None, progress)
    report = _report(subject, settings, inference, training, fitting, notes)
    held = _held_by_device(subject.module)
    fits = [fit_on(report, device, held.get(device.name, 0)) for device in devices]
    return msgspec.structs.replace(report, devices=fits)


def _devices(names: list[str]) -> list[Device]:
    wanted = {str(existing_device(name)) for name in names}
    return [device for device in existing_devices() if device.name in wanted]


def _held_by_device(model: nn.Module) -> dict[str, int]:
    """The bytes of the model's tensors by their device, each storage once."""
    inventory = inventory_of(model)
    distinct = dict(zip(inventory.identities, inventory.holdings, strict=True))
    held: dict[str, int] = defaultdict(int)
    for holding in distinct.values():
        held[str(holding.tensor.device)] += bytes_of(holding.tensor) or 0
    return held


def _passed(subject: Subject, batch: int | None, dtype: torch.dtype | None, training: bool, notes: list[Note]) -> Ran:
    """On meta; for real where values are needed. Raises RequestError where the model does not run."""
    try:
        try:
            arguments = _with_batch(subject.arguments, batch, _empty_rows)
            return memory_pass(subject.module, arguments, training, dtype, subject.device, subject.seed)
        except NeedsValuesError as problem:
            return _passed_for_real(
                subject, batch, dtype, training, notes, f"the model needs values: {first_line(problem)}"
            )
        except (*NO_FAILURES, NothingToTrainError):
            raise
        except BaseException as problem:
            # A batch larger than the one that was run may be too large to run.
            if batch is not None or not is_cheap(subject.module, subject.arguments, AFFORDABLE_MULTIPLICATIONS):
                raise
            return _passed_for_real(
                subject, batch, dtype, training, notes, f"without values it fails: {first_line(problem)}"
            )
    except NO_FAILURES:
        raise
    except NothingToTrainError:
        raise RequestError("no output depends on any parameter in a differentiable way") from None
    except BaseException as problem:
        message = (str(problem).strip().splitlines() or [""])[0]
        tried = _shapes_with_batch(subject.arguments, batch)
        where = f"{'in train mode ' if training else ''}on {', '.join(map(shape, tried))}"
        where += f" in {dtype_name(dtype)}" if dtype is not None else ""
        raise RequestError(f"the model does not run {where}: {type(problem).__name__}: {message}") from problem


def _passed_for_real(
    subject: Subject, batch: int | None, dtype: torch.dtype | None, training: bool, notes: list[Note], why: str
) -> Ran:
    arguments = _with_batch(subject.arguments, batch, _repeated_rows)
    ran = real_memory_pass(subject.module, arguments, training, dtype, subject.seed)
    if all(note.code != "real-memory-pass" for note in notes):
        text = f"memory was followed in a real pass on {subject.device}, because {why}"
        notes.append(Note(code="real-memory-pass", message=text))
    return ran


def _with_batch(
    arguments: Arguments, batch: int | None, resized: Callable[[torch.Tensor, int], torch.Tensor]
) -> Arguments:
    """The inputs with another first axis, those that have the same first axis as the first input."""
    tensors = list(tensors_in(arguments))
    if batch is None or not tensors or not tensors[0].ndim:
        return arguments
    size = tensors[0].shape[0]

    def change(tensor: torch.Tensor) -> torch.Tensor:
        return resized(tensor, batch) if tensor.ndim and tensor.shape[0] == size else tensor

    made: Arguments = with_tensors(arguments, change)
    return made


def _shapes_with_batch(arguments: Arguments, batch: int | None) -> list[list[int]]:
    """Also those of inputs that are too large to be made."""
    shapes = shapes_in(arguments)
    if batch is None or not shapes or not shapes[0]:
        return shapes
    return [[batch, *sizes[1:]] if sizes[:1] == shapes[0][:1] else sizes for sizes in shapes]


def _empty_rows(tensor: torch.Tensor, batch: int) -> torch.Tensor:
    return torch.empty((batch, *tensor.shape[1:]), dtype=tensor.dtype, device="meta")


def _repeated_rows(tensor: torch.Tensor, batch: int) -> torch.Tensor:
    return tensor[torch.arange(batch, device=tensor.device) % tensor.shape[0]]


def _fitting(
    subject: Subject, settings: MemorySettings, dtype: torch.dtype | None, trained: bool, progress: Progress
) -> Fitting:
    assert settings.limit is not None

    def largest(training: bool) -> int | None:
        def peak(batch: int) -> int:
            progress(0, None, f"memory {'in training' if training else 'in inference'} at a batch of {batch}")
            ran = _passed(subject, batch, dtype, training, [])
            return max(ran.peak + _kept(ran, settings.optimizer), _in_step(ran, settings.optimizer))

        try:
            return largest_batch(settings.limit or 0, peak)
        except RequestError:
            return None

    return Fitting(limit=settings.limit, inference=largest(False), training=largest(True) if trained else None)


def _kept(ran: Ran, optimizer: Optimizer) -> int:
    return KEPT[optimizer] * ran.trained


def _in_step(ran: Ran, optimizer: Optimizer) -> int:
    if optimizer == "none":
        return 0
    return sum(ran.after.values()) + (KEPT[optimizer] + WORKED_WITH[optimizer]) * ran.trained


def _report(
    subject: Subject,
    settings: MemorySettings,
    inference: Ran,
    training: Ran | None,
    fitting: Fitting | None,
    notes: list[Note],
) -> MemoryReport:
    held = inference.held
    named = [one for one in as_inputs(subject.module, subject.specs, "given") if one.shape is not None]
    inputs = [
        Output(name=one.name, shape=list(tensor.shape), dtype=dtype_name(tensor.dtype))
        for one, tensor in zip(named, held.inputs, strict=False)
    ]
    called = PassRows(subject.static, subject.rows, inference.root)
    outputs = called.told(lambda call: call.output_bytes)
    report = MemoryReport(
        inputs=inputs,
        batch=inputs[0].shape[0] if inputs and inputs[0].shape else None,
        dtype=settings.dtype or (subject.static[0].dtype or ""),
        optimizer=settings.optimizer,
        parameter_bytes=bytes_made([], held.parameters),
        buffer_bytes=bytes_made([], held.buffers),
        input_bytes=bytes_made([], held.inputs),
        inference=_peak(inference, called, 0),
        fitting=fitting,
        rows=[RowMemory(output_bytes=one) for one in outputs],
        notes=notes,
    )
    return report if training is None else _with_training(report, training, subject)


def _with_training(report: MemoryReport, training: Ran, subject: Subject) -> MemoryReport:
    called = PassRows(subject.static, subject.rows, training.root)
    saved = called.summed(lambda call: training.saved.get(id(call), 0))
    rows = [msgspec.structs.replace(row, saved_bytes=one) for row, one in zip(report.rows, saved, strict=True)]
    kept = _kept(training, report.optimizer)
    peak, stepping = _peak(training, called, kept), _in_step(training, report.optimizer)
    if stepping > peak.bytes:
        uses = {**training.after, "optimizer": stepping - sum(training.after.values())}
        peak = Peak(bytes=stepping, phase="step", uses=uses)
    return msgspec.structs.replace(
        report,
        gradient_bytes=training.trained,
        optimizer_bytes=kept,
        saved_bytes=sum(training.saved.values()),
        training=peak,
        rows=rows,
    )


def _peak(ran: Ran, called: PassRows, kept: int) -> Peak:
    phase, call = ran.at
    return Peak(
        bytes=ran.peak + kept,
        phase=phase,
        path=call.path if call is not None else None,
        type=call.type if call is not None else "",
        row=called.row_of(call) if call is not None else None,
        uses={**ran.uses, "optimizer": kept},
    )
