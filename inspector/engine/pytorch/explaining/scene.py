"""A failed call as the rules look at it: what was called with what, and how the user's line writes it."""

import ast
import builtins
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import nn

from inspector.core.recipe import InputSpec
from inspector.core.table import Fix, Source
from inspector.core.wording import shape as shape_text
from inspector.engine.pytorch import calling
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord, FailedCall
from inspector.engine.pytorch.explaining.constructing import changed_layers, finished
from inspector.engine.pytorch.explaining.makings import making_of
from inspector.engine.pytorch.explaining.producers import Flow
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.places import holdings_of, places_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.pytorch.user_source import Node, node_at, text_of

UNKNOWN = object()
"""What the value of an expression is that would have to be run."""


class Scene:
    """Where a pass failed. No line of the user's is run again: values are those that the frame still has."""

    def __init__(
        self, problem: BaseException, model: nn.Module, recorder: Recorder, specs: Sequence[InputSpec] = ()
    ) -> None:
        self.problem = problem
        self.model = model
        self.specs = specs
        """What the inputs were drawn by, as far as that is known."""
        self.root = recorder.root
        self.record: CallRecord | None = recorder.failed
        """The innermost call that was open."""
        self.path = self.record.path if self.record is not None else ""
        self.module: nn.Module | None = self.record.module if self.record is not None else None
        """The module whose forward failed; None where a function between modules did."""
        failed = recorder.failed_call
        self.call: FailedCall | None = failed if failed is not None and failed.problem is problem else None
        """The call of a torch function that raised; None where Python code did."""
        self.name = canonical_name(self.call.func) if self.call is not None else ""
        self.arguments: dict[str, Any] = {}
        """The failed call's arguments, by the names that the rule gives them."""
        self._given = recorder.given
        self.frame: FrameType | None = None
        self.source: Source | None = None
        self.node: Node | None = None
        """The expression of the user's line that was being worked out."""
        self._find_frame(problem.__traceback__)

    def _find_frame(self, trace: TracebackType | None) -> None:
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == calling.__file__:
                # What is before called us, as a script does that explores its model.
                self.frame, self.source, self.node = None, None, None
            if is_user_file(code.co_filename):
                self.frame, self.source = trace.tb_frame, line_of(code.co_filename, trace.tb_lineno)
                self.node = node_at(code.co_filename, code, trace.tb_lasti)
            trace = trace.tb_next

    @property
    def file(self) -> str:
        """The file of the failing line."""
        return self.frame.f_code.co_filename if self.frame is not None else ""

    @cached_property
    def expression(self) -> str:
        """The source of the failing expression; "" where Python does not know it."""
        return text_of(self.file, self.node) if self.node is not None else ""

    @cached_property
    def flow(self) -> Flow:
        """Which call made which tensor."""
        return Flow(self.root)

    @property
    def keys(self) -> dict[int, str]:
        """Of the model's own tensors by their id, the keys."""
        return self.call.keys if self.call is not None else {}

    def key_of(self, tensor: torch.Tensor) -> str:
        """The state_dict key of one of the model's tensors; "" for others."""
        return self.keys.get(id(tensor), "")

    def argument(self, name: str, default: Any = None) -> Any:
        """An argument of the failed call."""
        return self.arguments.get(name, default)

    def setting(self, module: nn.Module | None, name: str) -> Any:
        """An attribute of a module; None where it has none."""
        return getattr(module, name, None)

    @property
    def given(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the failed layer was called with."""
        return self._given.get(id(self.layer), ((), {}))

    def given_to(self, module: nn.Module) -> Arguments:
        """What a module whose call failed was called with."""
        args, kwargs = self._given[id(module)]
        return list(args), kwargs

    @cached_property
    def layer(self) -> nn.Module | None:
        """The failed module, or torch's own one whose forward called the function that failed."""
        if self.module is not None or self.record is None:
            return self.module
        owner = next((module for path, module in self.model.named_modules() if path == self.path), None)
        return owner if owner is not None and type(owner).__module__.startswith("torch.") else None

    # How the user's line writes it

    def value(self, node: ast.AST | None) -> Any:
        """The value of a name, an attribute or an item that nothing needs to be run for; else UNKNOWN."""
        if self.frame is None:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            for names in (self.frame.f_locals, self.frame.f_globals, vars(builtins)):
                if node.id in names:
                    return names[node.id]
        if isinstance(node, ast.Attribute):
            return _attribute(self.value(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return _item(self.value(node.value), self.value(node.slice))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) < 2:
            owner = self.value(node.func.value)
            if isinstance(owner, torch.Tensor) and node.func.attr in ("size", "dim"):
                sizes = owner.shape if node.func.attr == "size" else owner.ndim
                return _item(sizes, self.value(node.args[0])) if node.args else sizes
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.value(node.operand)
            return -inner if type(inner) in (int, float) else UNKNOWN
        return UNKNOWN

    @cached_property
    def written(self) -> list[tuple[Any, ast.expr]]:
        """Values that the failing call was given, each with the expression that the line writes for it."""
        return [*self._aligned(), *self._named()]

    def node_of(self, value: object) -> ast.expr | None:
        """How the failing line writes a value that it gives to the call."""
        return next((node for known, node in self.written if known is value), None)

    def name_of(self, value: object) -> str:
        """The name or attribute by which the failing line knows a value, to be used again; "" where it has none."""
        node = self.node_of(value)
        plain = node is not None and all(isinstance(one, ast.Name | ast.Attribute | ast.Load) for one in ast.walk(node))
        return text_of(self.file, node) if node is not None and plain else ""

    def until(self, tensor: torch.Tensor, axis: int) -> str:
        """A slice as long as an axis of a tensor is."""
        name = self.name_of(tensor)
        return f": {name}.shape[{axis}]" if name else f":{tensor.shape[axis]}"

    def size(self, tensor: torch.Tensor, axis: int) -> str:
        """The size of an axis as the line can ask for it: ``x.shape[2]``, or as a number."""
        name = self.name_of(tensor)
        return f"{name}.shape[{axis}]" if name else str(tensor.shape[axis])

    def text(self, value: object, otherwise: str = "the input") -> str:
        """A value as the failing line writes it, in quotes; or the key of the model's tensor."""
        node = self.node_of(value)
        if node is not None and len(written := text_of(self.file, node)) <= 60 and "\n" not in written:
            return f"`{written}`"
        return f"`{self.keys[id(value)]}`" if id(value) in self.keys else otherwise

    def _named(self) -> Iterator[tuple[Any, ast.expr]]:
        for node in ast.walk(self.node) if self.node is not None else ():
            if isinstance(node, ast.expr):
                value = self.value(node)
                if value is not UNKNOWN:
                    yield value, node

    def _aligned(self) -> Iterator[tuple[Any, ast.expr]]:
        node = self.node
        args, kwargs = self.call_arguments
        if isinstance(node, ast.BinOp):
            nodes: list[ast.expr] = [node.left, node.right]
        elif isinstance(node, ast.AugAssign):
            nodes = [node.target, node.value]
        elif isinstance(node, ast.Compare):
            nodes = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            nodes = [node.value, node.slice]
        elif isinstance(node, ast.Call):
            nodes = list(node.args)
            if self.is_method_call:
                nodes.insert(0, node.func.value)  # type: ignore[attr-defined]  # it is an attribute's
            for keyword in node.keywords:
                if keyword.arg in kwargs:
                    yield from _paired(kwargs[keyword.arg], keyword.value)
        else:
            return
        if isinstance(node, ast.BinOp) and len(args) == 2 and self.name in _REFLECTED:
            args = args[::-1]
        for value, written in zip(args, nodes, strict=False):
            if isinstance(written, ast.Starred):
                break
            yield from _paired(value, written)

    @property
    def call_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the call that the line writes was given: a module's call, or a function's."""
        if isinstance(self.node, ast.Call):
            called = self.value(self.node.func)
            if isinstance(called, nn.Module):
                return self._given.get(id(called), ((), {}))
        if self.call is None or (self.module is not None and self.record is not None and self.record.is_function):
            return (), {}
        if isinstance(self.node, ast.Call) and self.written_function not in (self.name, self._own_name):
            return (), {}
        return self.call.args, self.call.kwargs

    @property
    def _own_name(self) -> str:
        return str(getattr(self.call.func, "__name__", "")) if self.call is not None else ""

    @property
    def written_function(self) -> str:
        """The last part of what the line calls: ``view`` of ``x.view(…)``."""
        func = self.node.func if isinstance(self.node, ast.Call) else None
        if isinstance(func, ast.Attribute):
            return func.attr
        return func.id if isinstance(func, ast.Name) else ""

    @property
    def is_method_call(self) -> bool:
        """Whether the line writes ``x.view(…)``, not ``torch.flatten(x)``."""
        if not isinstance(self.node, ast.Call) or not isinstance(self.node.func, ast.Attribute):
            return False
        owner = self.value(self.node.func.value)
        return not inspect.ismodule(owner) and not isinstance(owner, nn.Module | type)

    # Fixes

    def replaced(self, text: str, *pairs: tuple[Node | None, str]) -> Fix | None:
        """Put text in the place of nodes of the failing line; None where one of them is not known."""
        if any(node is None for node, _ in pairs):
            return None
        return finished(text, [Edit(self.file, node, new) for node, new in pairs if node is not None])

    def wrapped(self, value: object, form: str, why: str, layer: str = "") -> Fix:
        """Change a value before the failing call: `form` is ``{}.flatten(1)``, `layer` does it in a Sequential."""
        node = self.node_of(value)
        if node is not None and isinstance(self.node, ast.AugAssign) and node is self.node.target:
            return finished(why, [Edit(self.file, self.node, self._spelt_out(self.node, form))])
        if node is not None:
            return finished(why, [Edit(self.file, node, form.format(bracketed(self.file, node)))])
        inserted = self._inserted(layer, why) if layer else None
        return inserted or Fix(text=f"{why} — {form.format('x')} before {self.path or 'it'}")

    def _spelt_out(self, node: ast.AugAssign, form: str) -> str:
        """``x = f(x) + y`` for ``x += y``."""
        target, value = text_of(self.file, node.target), text_of(self.file, node.value)
        sign = text_of(self.file, node)[len(target) :].split("=")[0].strip()
        return f"{target} = {form.format(target)} {sign} {value}"

    def _inserted(self, layer: str, why: str) -> Fix | None:
        """Put a layer in front of the failing one, where a Sequential calls it."""
        above, _, name = self.path.rpartition(".")
        if self.module is None or not name.isdigit():
            return None
        container = self.model.get_submodule(above)
        if type(container) is not nn.Sequential:
            return None
        made = making_of(self.model, self.path)
        if made is not None and made.prefix and not made.is_shared:
            return finished(why, [Edit(made.file, made.call, f"{made.prefix}{layer}, ", before=True)])
        owner = (
            f"model.{above}" if above.isidentifier() else "model" if not above else f'model.get_submodule("{above}")'
        )
        return finished(why, [], [f"{owner}.insert({name}, nn.{layer})"])

    def changed(self, **settings: object) -> Fix:
        """Make the failing layer with other constructor arguments."""
        return changed_layers(self.model, {self.path: settings})

    def changed_at(self, path: str, settings: Mapping[str, object], why: str = "") -> Fix:
        """Make any layer with other constructor arguments."""
        return changed_layers(self.model, {path: settings}, why)

    # Words

    def made_by(self, tensor: torch.Tensor) -> str:
        """Who made a tensor: "`enc1` (line 20)", "the input", "the parameter pos_embed"; "" where it is not known."""
        key = self.key_of(tensor)
        if key:
            return f"the model's own {key}"
        maker = self.flow.maker(tensor)
        return "" if maker is None else self.called(maker)

    def called(self, maker: CallRecord) -> str:
        """A call by its module's path or its function's name, with its line."""
        if maker is self.root:
            return "the model's input"
        shown = self.flow.shown(maker, self.frame_path)
        line = f" (line {shown.source.line}{self._elsewhere(shown.source)})" if shown.source is not None else ""
        return f"{shown.type if shown.is_function else shown.path}{line}"

    def _elsewhere(self, source: Source) -> str:
        same = self.source is not None and self.source.file == source.file
        return "" if same else f" of {os.path.basename(source.file)}"

    @property
    def frame_path(self) -> str:
        """The path of the module whose forward holds the failing line."""
        if self.frame is None or not self.frame.f_code.co_varnames:
            return ""
        me = self.frame.f_locals.get(self.frame.f_code.co_varnames[0])
        return next((path for path, module in self.model.named_modules() if module is me), "")

    def with_shape(self, tensor: torch.Tensor, otherwise: str = "the input") -> str:
        """A tensor as the line writes it, with its shape: "`skip` (1×64×31×31)"."""
        return f"{self.text(tensor, otherwise)} ({shape_text(list(tensor.shape))})"

    @cached_property
    def own_tensors(self) -> dict[str, torch.Tensor]:
        """The model's own tensors by their keys."""
        return {holding.key: holding.tensor for holding in holdings_of(places_of(self.model))}


_REFLECTED = {"rmatmul", "radd", "rsub", "rmul", "rdiv", "rtruediv", "rpow"}


def bracketed(file: str, node: ast.expr) -> str:
    """The source of a node so that a method can be called on it."""
    text = text_of(file, node)
    return text if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript) else f"({text})"


def tensors_of(scene: Scene) -> list[torch.Tensor]:
    """The tensors that the failed call was given."""
    return list(tensors_in((scene.call.args, scene.call.kwargs))) if scene.call is not None else []


def _paired(value: Any, node: ast.expr) -> Iterator[tuple[Any, ast.expr]]:
    yield value, node
    if isinstance(value, list | tuple) and isinstance(node, ast.List | ast.Tuple) and len(value) == len(node.elts):
        for part, written in zip(value, node.elts, strict=True):
            if not isinstance(written, ast.Starred):
                yield from _paired(part, written)


def _attribute(owner: Any, name: str) -> Any:
    """An attribute, where reading it runs none of the user's code."""
    if owner is UNKNOWN or owner is None:
        return UNKNOWN
    if isinstance(owner, torch.Tensor) and name in ("shape", "ndim", "dtype", "device"):
        return getattr(owner, name)
    if isinstance(owner, nn.Module):
        for held in ("_parameters", "_buffers", "_modules"):
            registry = owner.__dict__.get(held, {})
            if name in registry:
                return registry[name]
    if inspect.ismodule(owner) or hasattr(owner, "__dict__"):
        try:
            return object.__getattribute__(owner, "__dict__").get(name, UNKNOWN)
        except AttributeError:
            return UNKNOWN
    return UNKNOWN


def _item(owner: Any, index: Any) -> Any:
    if index is UNKNOWN:
        return UNKNOWN
    if isinstance(owner, nn.ModuleList | nn.Sequential | nn.ModuleDict):
        children = owner._modules
        if type(index) is int:
            index = str(index if index >= 0 else len(children) + index)
        return children.get(index, UNKNOWN) if isinstance(index, str) else UNKNOWN
    if type(owner) in (list, tuple, dict, torch.Size):
        try:
            return owner[index]
        except (LookupError, TypeError):
            return UNKNOWN
    return UNKNOWN
