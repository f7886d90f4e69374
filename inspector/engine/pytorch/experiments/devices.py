"""Whether a model would run on another device or in half precision, tried without either.

Every parameter, buffer and input seems to lie on a GPU: a tensor that the model holds besides, or makes on the CPU,
meets them and raises. Nothing is computed.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.experiments import fake_devices
from inspector.engine.pytorch.experiments.gradient_flow import arguments_for_mode
from inspector.engine.pytorch.experiments.model_source import model_source
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.places import modules_of
from inspector.engine.pytorch.source_lines import user_source
from inspector.engine.pytorch.stand_ins import registered_places, replaced
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded


@dataclass(frozen=True)
class Placement:
    """The devices and floating-point dtypes of what is registered, with the keys of each."""

    devices: dict[str, list[str]]
    dtypes: dict[str, list[str]]


@dataclass(frozen=True)
class GpuPass:
    """What came of a pass in which all that is registered seems to lie on a GPU."""

    problem: str
    """What it raised, as one line; "" where it went through."""
    training: bool
    is_device_mismatch: bool
    source: Source | None
    path: str
    held: list[str]
    """Tensors that modules hold without having registered them, by path."""
    chooses: bool
    """Whether the source asks if there is a GPU."""


@dataclass(frozen=True)
class HalfPass:
    """What came of a pass in bfloat16."""

    problem: str
    source: Source | None
    promoted: list[int]
    """The outputs that are float32 although all that is registered and given is bfloat16."""
    first: str
    """The first function whose result is float32, as its row has it."""
    first_path: str
    first_source: Source | None


def placement(subject: Subject) -> Placement:
    """Of parameters and buffers."""
    found = Placement({}, {})
    for key, tensor in [*subject.module.named_parameters(), *subject.module.named_buffers()]:
        found.devices.setdefault(str(tensor.device), []).append(key)
        if tensor.is_floating_point():
            found.dtypes.setdefault(str(tensor.dtype).removeprefix("torch."), []).append(key)
    return found


def gpu_pass(subject: Subject) -> GpuPass:
    """In eval mode, then in train mode, where only operands on two devices count: a pass may fail there for more.

    Raises RequestError where the model does not run on the CPU either, or this torch cannot pretend.
    """
    _runs(subject)
    found = _gpu_pass(subject, subject.arguments(), training=False)
    if found.problem:
        return found
    for arguments in arguments_for_mode(subject, True, subject.seed):
        trained = _gpu_pass(subject, arguments, training=True)
        if trained.is_device_mismatch:
            return trained
    return found


def _gpu_pass(subject: Subject, given: Arguments, *, training: bool) -> GpuPass:
    chooses = "is_available" in subject.of(model_source).code
    held = _held(subject.module)
    with untouched(subject.module) as modules, subject.in_mode(training=training), seeded(subject.seed):
        places = registered_places(modules)
        with fake_devices.pretending() as fake, replaced(places, fake.on_gpu):
            arguments: Arguments = with_tensors(given, fake.on_gpu)
            try:
                call_model(subject.module, arguments)
            except NO_FAILURES:
                raise
            except BaseException as problem:
                path, source = _where(subject.module, problem)
                mismatch = fake_devices.is_mismatch(problem)
                told = first_line(problem) or type(problem).__name__
                return GpuPass(told, training, mismatch, source, path, held, chooses)
    return GpuPass("", training, False, None, "", held, chooses)


def half_pass(subject: Subject, dtype: torch.dtype = torch.bfloat16) -> HalfPass:
    """A real pass of a copy. Raises RequestError where the model does not run in its own dtype."""
    from inspector.engine.pytorch.recording import Recorder

    _runs(subject)
    model = subject.copied().to(dtype).eval()

    def half(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    arguments: Arguments = with_tensors(subject.arguments(), half)
    first: list[tuple[str, str, Source | None]] = []

    def look(record: Any, output: Any) -> None:
        wide = [tensor for tensor in tensors_in(output) if tensor.dtype == torch.float32]
        narrow = any(tensor.dtype == dtype for tensor in given.pop(id(record), []))
        if wide and narrow and not first:
            first.append((record.type, record.place, record.source))

    given: dict[int, list[torch.Tensor]] = {}
    recorder = Recorder(model, measure=look)

    def run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if recorder.running is not None:
            given[id(recorder.running)] = list(tensors_in((args, kwargs)))
        return func(*args, **kwargs)

    recorder.run = run
    try:
        with seeded(subject.seed), torch.no_grad(), recorder:
            outputs = list(tensors_in(call_model(model, arguments)))
    except NO_FAILURES:
        raise
    except BaseException as problem:
        return HalfPass(first_line(problem) or type(problem).__name__, _where(model, problem)[1], [], "", "", None)
    promoted = [number for number, tensor in enumerate(outputs) if tensor.dtype == torch.float32]
    kind, path, source = first[0] if first and promoted else ("", "", None)
    return HalfPass("", None, promoted, kind, path, source)


def _runs(subject: Subject) -> None:
    try:
        subject.run(subject.arguments())
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward pass fails: {first_line(problem)}") from problem


def _held(model: nn.Module) -> list[str]:
    """Attributes with tensors, or with modules, that are registered nowhere, also in lists and dictionaries."""
    registered = {id(module) for module in modules_of(model)}
    tensors = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}
    found = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules") or name.endswith("_hooks"):
                continue
            parts = list(value.values()) if isinstance(value, dict) else value
            parts = list(parts) if isinstance(parts, list | tuple) else [parts]
            stray = any(isinstance(part, torch.Tensor) and id(part) not in tensors for part in parts)
            if stray or any(isinstance(part, nn.Module) and id(part) not in registered for part in parts):
                found.append(f"{path}.{name}".lstrip("."))
    return found


def _where(model: nn.Module, problem: BaseException) -> tuple[str, Source | None]:
    """The innermost module whose forward was running, and the user's line."""
    paths = {id(module): path for path, module in model.named_modules()}
    path, traceback = "", problem.__traceback__
    source = user_source(traceback)
    while traceback is not None:
        frame = traceback.tb_frame
        names = frame.f_code.co_varnames
        first = frame.f_locals.get(names[0]) if names and frame.f_code.co_argcount else None
        path = paths.get(id(first), path)
        traceback = traceback.tb_next
    return path, source
