"""Why torch's exporter failed: the module, the user's line, and what to do, in a sentence."""

import logging
import re
import traceback
from collections.abc import Iterable
from types import FrameType
from typing import Any

import torch
from torch import fx, nn

from inspector.core.errors import RequestError
from inspector.core.table import Source
from inspector.core.wording import shortened
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.exporting.open_axes import Axes
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.row_values import Named

_LONGEST = 240
_FILE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_SPECIALISED = re.compile(
    r"marked (?P<name>\w+) as dynamic but your code specialized it to be a constant \((?P<size>\d+)\)"
)
_FIXED = re.compile(r"eval Eq\(")
_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='(?P<name>[^']+)'")


def explained(
    problem: BaseException, model: nn.Module, arguments: Arguments, shapes: dict[str, Any] | None
) -> RequestError:
    """The refusal that tells of an exporter's exception."""
    chain = _chain(problem)
    place = next((found for one in reversed(chain) if (found := _place(one, model)) is not None), None)
    if place is None and shapes is not None:
        place = _fixing_line(model, arguments, shapes)
    what, remedy = _reason(chain)
    return RequestError(f"the exporter fails{_where(place)}: {what}; {remedy}")


def unsettled_axis(
    made: Any, model: nn.Module, arguments: Arguments, inputs: Named, axes: Axes, shapes: dict[str, Any] | None
) -> RequestError | None:
    """Why an axis that was to stay open did not; None where all did.

    The exporter fixes an axis without a word where the code does; exporting once more tells why.
    """
    for place, named in axes.items():
        declared = made.graph.inputs[place].shape if place < len(made.graph.inputs) else None
        for axis in named:
            size = declared[axis] if declared is not None else None
            if not isinstance(size, int):
                continue
            where = _where(_fixing_line(model, arguments, shapes))
            name = inputs[place][0]
            return RequestError(
                f"axis {axis} of {name} cannot stay open: the code fixes it at {size}{where}; write that for any size, "
                f"as with x.shape[{axis}] or -1 in a view, or leave {name}:{axis} out"
            )
    return None


def _fixing_line(
    model: nn.Module, arguments: Arguments, shapes: dict[str, Any] | None
) -> tuple[str, Source | None] | None:
    """Module and line of the user's code that wants a size to be this one: where torch logs that it took it so."""
    heard = _Decisions(model)
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level, handlers, spread = logger.level, logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [heard], False
    logger.setLevel(logging.INFO)
    try:
        torch.export.export(model, tuple(arguments[0]), kwargs=arguments[1], dynamic_shapes=shapes, strict=False)
    except Exception:  # what it raises says less than the log
        pass
    finally:
        logger.handlers, logger.propagate = handlers, spread
        logger.setLevel(level)
    return heard.place


class _Decisions(logging.Handler):
    """Listens for the first equation that fixes a size, and notes who was running then."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._paths = _paths_of(model)
        self.place: tuple[str, Source | None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.place is None and _FIXED.match(record.getMessage()):
            running = traceback.walk_stack(None)
            frames = [(frame, line) for frame, line in running if frame.f_code.co_filename != logging.__file__]
            self.place = _innermost(reversed(frames), self._paths)


def _chain(problem: BaseException) -> list[BaseException]:
    """An exception and what it came from, the root last."""
    chain, current = [problem], problem.__cause__ or problem.__context__
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _place(problem: BaseException, model: nn.Module) -> tuple[str, Source | None] | None:
    """Module and line: of the operation being translated, else of the innermost line of the user's code."""
    frames = list(traceback.walk_tb(problem.__traceback__))
    for frame, _ in frames:
        node = frame.f_locals.get("node")
        if isinstance(node, fx.Node) and "stack_trace" in node.meta:
            return _place_of_node(node)
    return _innermost(frames, _paths_of(model))


def _innermost(frames: Iterable[tuple[FrameType, int]], paths: dict[int, str]) -> tuple[str, Source | None] | None:
    """The last module among frames, the outermost first, and the last line of the user's code from the first one on."""
    module, source, seen = "", None, False
    for frame, line in frames:
        code = frame.f_code
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        if id(first) in paths:
            module, seen = paths[id(first)], True
        if seen and is_user_file(code.co_filename):
            source = line_of(code.co_filename, line)
    return (module, source) if source is not None else None


def _paths_of(model: nn.Module) -> dict[int, str]:
    return {id(module): path for path, module in model.named_modules()}


def _place_of_node(node: fx.Node) -> tuple[str, Source | None]:
    lines = [line_of(one["file"], int(one["line"])) for one in _FILE.finditer(node.meta["stack_trace"])]
    users = [one for one in lines if is_user_file(one.file)]
    stack = list(node.meta.get("nn_module_stack", {}).values())
    module = str(stack[-1][0]) if stack else ""
    return module, users[-1] if users else None


def _where(place: tuple[str, Source | None] | None) -> str:
    if place is None:
        return ""
    module, source = place
    inside = f" in {module}" if module else ""
    line = f" at {source.file}:{source.line} `{shortened(source.text)}`" if source is not None else ""
    return inside + line


def _reason(chain: list[BaseException]) -> tuple[str, str]:
    root = chain[-1]
    texts = [str(one) for one in chain]
    names = {type(one).__name__ for one in chain}
    operator = next((found for text in reversed(texts) if (found := _OPERATOR.search(text))), None)
    if operator is not None:
        return (
            f"ONNX has no operator for {operator['name']}",
            "write it with other functions, or move it out of forward",
        )
    if names & {"GuardOnDataDependentSymNode", "DataDependentOutputException"} or any(
        "data-dependent" in text for text in texts
    ):
        return (
            "what forward does next depends on the values in a tensor, and a graph has one way only",
            "use torch.where or torch.cond, or decide outside of forward",
        )
    if any("Constraints violated" in text for text in texts):
        told = next(text for text in texts if "Constraints violated" in text)
        line = next((one.strip(" -") for one in told.splitlines()[1:] if one.strip().startswith("-")), first_line(root))
        line = line.removesuffix(".") if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
        return f"a size that is to stay open cannot: {line}", "leave that --dynamic out, or change the line"
    said = first_line(root) or type(root).__name__
    return (
        f"{type(root).__name__}: {shortened(said)}",
        "change the line so that torch.export can follow it, or see the whole story with --debug",
    )
