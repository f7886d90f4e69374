"""Where and why a forward failed: the module, the user's line, the operands with their shapes, what to do."""

import ast
import linecache
from itertools import islice
from types import FrameType, TracebackType

import torch
from torch import nn

from inspector.core.table import Failure, Operand, Source
from inspector.core.wording import shape
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.mixed_dtypes import mixed_dtypes
from inspector.engine.pytorch.nested import shapes_in, tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.places import holdings_of, places_of
from inspector.engine.pytorch.recording import FailedCall, Recorder
from inspector.engine.pytorch.source_lines import is_user_file, line_of

MOST_OPERANDS = 16


def describe_failure(problem: BaseException, model: nn.Module, recorder: Recorder) -> Failure:
    """The failure as a record; the exception's tensors are let go of afterwards."""
    frame, source = _innermost_user_frame(problem.__traceback__)
    called = recorder.failed
    path = called.path if called is not None else ""
    module = called.module if called is not None else None
    call = recorder.failed_call
    if call is not None and call.problem is problem:
        operands = _operands_of(call, model, frame, problem.__traceback__)
        mixed = mixed_dtypes(call.func, call.args, call.kwargs)
    else:
        operands = _operands_near(frame, problem.__traceback__) if frame is not None else []
        mixed = []
    explanation, suggestions = _explain(module, called.input_shapes if called is not None else [], operands, mixed)
    failure = Failure(
        path=path,
        type=type(problem).__name__,
        message=first_line(problem) or type(problem).__name__,
        source=source or (called.source if called is not None else None),
        input_shapes=called.input_shapes if called is not None else [],
        operands=operands,
        explanation=explanation,
        suggestions=suggestions,
    )
    problem.__traceback__ = None
    return failure


def _innermost_user_frame(trace: TracebackType | None) -> tuple[FrameType | None, Source | None]:
    frame, source = None, None
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if is_user_file(filename):
            frame, source = trace.tb_frame, line_of(filename, trace.tb_lineno)
        trace = trace.tb_next
    return frame, source


def _operands_of(
    call: FailedCall, model: nn.Module, frame: FrameType | None, trace: TracebackType | None
) -> list[Operand]:
    """The tensors that the failing call was given, each as the user's line writes it, or by its key."""
    written: dict[int, str] = {}
    if frame is not None:
        local = {name: value for name, value in frame.f_locals.items() if isinstance(value, torch.Tensor)}
        written = {id(value): name for name, value in (local | _named_tensors(frame, trace)).items()}
    own = {holding.key: holding.tensor for holding in holdings_of(places_of(model))}
    found: dict[str, torch.Tensor] = {}
    for number, tensor in enumerate(tensors_in((call.args, call.kwargs)), start=1):
        key = call.keys.get(id(tensor), "")
        # A stand-in on meta stood for the model's own tensor, which is what the line names.
        text = written.get(id(own.get(key, tensor)), key) or f"operand {number} of {canonical_name(call.func)}"
        found.setdefault(text, tensor)
    return _listed(found)


def _operands_near(frame: FrameType, trace: TracebackType | None) -> list[Operand]:
    """The tensors that the failing expression names; where it names none, the frame's local tensors."""
    local = {name: value for name, value in frame.f_locals.items() if isinstance(value, torch.Tensor)}
    return _listed(_named_tensors(frame, trace) or local)


def _named_tensors(frame: FrameType, trace: TracebackType | None) -> dict[str, torch.Tensor]:
    """The tensors that the failing expression names, and those of the modules that it names."""
    text = _failing_expression(frame, trace)
    found: dict[str, torch.Tensor] = {}
    if text:
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError):
            tree = None
        for node in ast.walk(tree) if tree is not None else []:
            value = _value_of(node, frame)
            if isinstance(value, nn.Module):
                for name, parameter in value.named_parameters(recurse=False):
                    found[f"{ast.unparse(node)}.{name}"] = parameter
            elif isinstance(value, torch.Tensor):
                found[ast.unparse(node)] = value
    return found


def _listed(found: dict[str, torch.Tensor]) -> list[Operand]:
    return [
        Operand(
            text=text,
            shape=shapes_in(tensor)[0],
            dtype=str(tensor.dtype).removeprefix("torch."),
            device="cpu" if tensor.is_meta else str(tensor.device),
        )
        for text, tensor in islice(found.items(), MOST_OPERANDS)
        if not nn.parameter.is_lazy(tensor)
    ]


def _failing_expression(frame: FrameType, trace: TracebackType | None) -> str:
    """The source of the sub-expression that was being evaluated: Python 3.11 keeps its columns."""
    start, end, column, end_column = _positions(frame, trace)
    if start is None or end is None or column is None or end_column is None:
        return ""
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(start, end + 1)]
    # The columns count bytes of UTF-8.
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    return b"".join(lines).decode(errors="replace")


def _positions(frame: FrameType, trace: TracebackType | None) -> tuple[int | None, int | None, int | None, int | None]:
    while trace is not None:
        if trace.tb_frame is frame:
            positions = list(frame.f_code.co_positions())
            at = trace.tb_lasti // 2
            if at < len(positions):
                return positions[at]
        trace = trace.tb_next
    return None, None, None, None


def _value_of(node: ast.AST, frame: FrameType) -> object:
    """The value of a name or a chain of attributes from a local variable; nothing is called."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value_of(node.value, frame)
        if isinstance(owner, nn.Module):
            for held in (owner._parameters, owner._buffers, owner._modules):
                if node.attr in held:
                    return held[node.attr]
            return owner.__dict__.get(node.attr)
    return None


def _explain(
    module: nn.Module | None, shapes: list[list[int]], operands: list[Operand], mixed: list[str]
) -> tuple[str, list[str]]:
    """What shapes, devices and dtypes say, by the layer's own numbers rather than by the text of torch's message."""
    got = shapes[0] if shapes else []
    if isinstance(module, nn.Linear) and got and got[-1] != module.in_features:
        return (
            f"the layer takes {module.in_features} features on the last axis, the input has {got[-1]}",
            [f"set in_features={got[-1]}, or give an input (--input) of the size that the layer was made for"],
        )
    if isinstance(module, nn.modules.conv._ConvNd) and got:
        explanation, suggestions = _explain_convolution(module, got)
        if explanation:
            return explanation, suggestions
    if isinstance(module, nn.modules.batchnorm._NormBase) and len(got) > 1 and got[1] != module.num_features:
        return (
            f"the layer normalises {module.num_features} channels on axis 1, the input has {got[1]}",
            [f"set num_features={got[1]}"],
        )
    devices = sorted({operand.device for operand in operands})
    if len(devices) > 1:
        return f"the operands are on different devices: {', '.join(devices)}", [
            "move the module and its input together"
        ]
    if mixed:
        return f"the operands have different dtypes: {' and '.join(mixed)}", [
            "convert one of them with .to(dtype), or give an input of the other dtype: --input SHAPE:DTYPE"
        ]
    return "", []


def _explain_convolution(module: nn.modules.conv._ConvNd, got: list[int]) -> tuple[str, list[str]]:
    spatial = len(module.kernel_size)
    if len(got) not in (spatial + 1, spatial + 2):
        return (
            f"the layer takes {spatial + 2} axes (batch, channels, {spatial} spatial), the input has {len(got)}",
            ["reshape the input, or give one with --input"],
        )
    channels = got[-spatial - 1]
    if channels == module.in_channels:
        if not _is_too_small(module, got):
            return "", []
        return (
            f"the input of {shape(got)} is too small for a kernel of {shape(module.kernel_size)}",
            ["give a larger input with --input, or add padding"],
        )
    suggestions = [f"set in_channels={channels}"]
    if got[-1] == module.in_channels:
        order = (0, len(got) - 1, *range(1, len(got) - 1))
        suggestions.insert(0, f"the channels seem to come last: permute{order} puts them first")
    return f"the layer takes {module.in_channels} channels, the input has {channels}", suggestions


def _is_too_small(module: nn.modules.conv._ConvNd, got: list[int]) -> bool:
    """Whether the kernel with its dilation is longer than the padded input on some axis."""
    if module.transposed or isinstance(module.padding, str):
        return False
    axes = zip(got[-len(module.kernel_size) :], module.kernel_size, module.dilation, module.padding, strict=True)
    return any(size + 2 * padding < dilation * (kernel - 1) + 1 for size, kernel, dilation, padding in axes)
