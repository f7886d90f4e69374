"""Changes of tensors in place that the backward pass, or a later line, does not expect."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES
from inspector.engine.pytorch.experiments.call_places import CallPlace, place_of_call
from inspector.engine.pytorch.experiments.gradient_flow import arguments_for_mode, gradient_flow
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_lines import is_user_file, user_frame
from inspector.engine.pytorch.storages import identity_of, storage_of, version_of
from inspector.engine.pytorch.user_source import node_at, statement_around


@dataclass(frozen=True)
class BrokenBackward:
    """A tensor that was kept for the backward pass and then changed."""

    saved: CallPlace
    changed: CallPlace
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Reread:
    """A tensor that was changed in place, its result given another name, and that is read on under the old one."""

    changed: CallPlace
    read: CallPlace
    name: str


@dataclass(frozen=True)
class ChangesInPlace:
    """What was seen, by the line that changes."""

    broken: tuple[BrokenBackward, ...]
    problem: str
    """What the backward pass raised; "" where it ran."""
    reread: tuple[Reread, ...]


def changes_in_place(subject: Subject) -> ChangesInPlace:
    """A pass that watches memory; one more, with gradients, where the backward pass fails.

    Raises RequestError where no pass with gradients runs.
    """
    failing = next((one for one in subject.of(gradient_flow).passes if one.backward_problem), None)
    broken: list[BrokenBackward] = []
    if failing is not None:
        watch = _watched(subject, failing.training, True)
        broken = list(watch.broken()) if watch is not None else []
    watch = _watched(subject, False, False)
    reread = watch.reread if watch is not None else []
    return ChangesInPlace(tuple(broken), failing.backward_problem if failing else "", tuple(reread))


def _watched(subject: Subject, training: bool, grad: bool) -> "_Watch | None":
    for arguments in arguments_for_mode(subject, training, subject.seed):
        recorder = Recorder(subject.module)
        watch = _Watch(recorder)
        try:
            with torch.autograd.graph.saved_tensors_hooks(watch.keep, lambda kept: kept):
                subject.run(arguments, training=training, grad=grad, recorder=recorder)
        except NO_FAILURES:
            raise
        except BaseException:  # the other arguments may do; what the model raises is told by another experiment
            continue
        return watch
    return None


@dataclass(frozen=True, eq=False)
class _Renamed:
    """A tensor that a frame knows by names that its change was not meant for."""

    tensor: torch.Tensor
    frame: FrameType
    names: frozenset[str]
    call: ast.AST
    """The call that changed it, as this frame writes it."""
    place: CallPlace


class _Watch:
    """Takes note of what is kept for the backward pass, and of every change."""

    def __init__(self, recorder: Recorder) -> None:
        self.reread: list[Reread] = []
        self._recorder = recorder
        self._calls = 0
        self._func: Any = None
        self._kept: list[tuple[int, torch.Tensor, CallPlace]] = []
        self._changes: list[tuple[int, torch.Tensor, CallPlace]] = []
        self._renamed: list[_Renamed] = []
        recorder.run = self._run

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        """The hook that torch calls with what it keeps."""
        self._kept.append((self._calls, tensor, place_of_call(self._func, self._recorder)))
        return tensor

    def broken(self) -> Iterator[BrokenBackward]:
        """By line that changes: what was kept before it."""
        told: set[CallPlace] = set()
        for number, tensor, changed in self._changes:
            storage = storage_of(tensor)
            if storage is None or changed in told:
                continue
            for kept_at, kept, saved in self._kept:
                other = storage_of(kept)
                if kept_at < number and other is not None and identity_of(other) == identity_of(storage):
                    told.add(changed)
                    yield BrokenBackward(saved, changed, tuple(kept.shape))
                    break

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._calls += 1
        self._func = func
        operands = list(tensors_in((args, kwargs)))
        versions = [version_of(one) for one in operands]
        if self._renamed:
            self._look_for_old_names(operands)
        result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            changed = [one for one, version in zip(operands, versions, strict=True) if version_of(one) != version]
            for tensor in changed:
                self._changes.append((self._calls, tensor, place_of_call(self._func, self._recorder)))
                if result is tensor:
                    self._follow_names(tensor)
        return result

    def _follow_names(self, tensor: torch.Tensor) -> None:
        """Remember the names for a tensor whose changed value was given another one, in all frames of the user's."""
        place = place_of_call(self._func, self._recorder)
        innermost = True
        for frame in _user_frames(sys._getframe(1)):
            node = node_at(frame.f_code.co_filename, frame.f_code, frame.f_lasti)
            statement = statement_around(frame.f_code.co_filename, node) if node is not None else None
            if node is None or statement is None or (innermost and _is_meant(statement)):
                return
            innermost = False
            names = {name for name, value in frame.f_locals.items() if value is tensor} - _rebound(statement, node)
            if names:
                self._renamed.append(_Renamed(tensor, frame, frozenset(names), node, place))

    def _look_for_old_names(self, operands: list[torch.Tensor]) -> None:
        frame = user_frame(sys._getframe(1))
        for one in list(self._renamed):
            if one.frame is not frame or not any(operand is one.tensor for operand in operands):
                continue
            node = node_at(frame.f_code.co_filename, frame.f_code, frame.f_lasti)
            read = next((name for name in _names_read(node, one.call) if name in one.names), None)
            if read is not None and frame.f_locals.get(read) is one.tensor:
                self._renamed.remove(one)
                self.reread.append(Reread(one.place, place_of_call(self._func, self._recorder), read))


def _is_meant(statement: ast.stmt) -> bool:
    """``x.relu_()`` and ``x += y`` say that x itself is to change."""
    return isinstance(statement, ast.Expr | ast.AugAssign | ast.Delete)


def _rebound(statement: ast.stmt, node: ast.AST) -> set[str]:
    """The names that a statement gives to what the call returns."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is not node:
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}


def _names_read(node: ast.AST | None, left_out: ast.AST) -> Iterator[str]:
    """The names in an expression but for those within a part of it."""
    if node is None or node is left_out:
        return
    if isinstance(node, ast.Name):
        yield node.id
    for below in ast.iter_child_nodes(node):
        yield from _names_read(below, left_out)


def _user_frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back
