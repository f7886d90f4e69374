"""Runs torch's exporter, tidies what it made module by module, and writes it whole or not at all.

The exporter's own optimiser merges modules: a normalisation goes into the convolution before it, whose row is then
gone, and so is its epsilon. onnxruntime does the same when it loads a file. So here constants are folded and what does
nothing is taken out, but every module keeps its nodes, unless merging is asked for.
"""

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import MappingKey, tree_flatten_with_path, tree_unflatten

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.export import ExportSettings
from inspector.engine.live import Progress
from inspector.engine.onnx_model.saving import LARGEST_FILE, unused_data_file
from inspector.engine.pytorch.calling import Arguments, looked_through
from inspector.engine.pytorch.exporting.explaining import explained, unsettled_axis
from inspector.engine.pytorch.exporting.open_axes import Axes, dynamic_shapes
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded
from inspector.engine.row_values import Named
from inspector.engine.user_paths import user_path
from inspector.files.writing import refuse_place, resolved, write_whole

NEEDED = ("onnxscript", "onnx_ir")
_ROUNDS = 2
"""Folding once more after tidying finds what became constant by it; more rounds change nothing."""


def target_of(settings: ExportSettings) -> Path:
    """Where the file goes.

    Raises RequestError where none can be written there, or what the exporter needs is not installed: before the work.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise RequestError(
            f"torch's exporter needs {' and '.join(missing)}, which is not installed; run: pip install onnxscript"
        )
    target = resolved(user_path(settings.path))
    if target.suffix != ".onnx":
        raise RequestError(f"{settings.path}: an ONNX model is written as .onnx; choose a name that ends so")
    refuse_place(target, settings.path, settings.overwrite)
    return target


def exported(
    model: nn.Module, arguments: Arguments, inputs: Named, axes: Axes, settings: ExportSettings, progress: Progress
) -> Any:
    """The ``onnx_ir.Model`` of a PyTorch model.

    Raises RequestError, naming module and line, where the exporter fails or cannot keep an axis open.
    """
    shapes = dynamic_shapes(model, arguments, axes)
    progress(0, 3, "exporting: following what forward does")
    with _quietly(), untouched(model, values=True) as modules, looked_through(modules), seeded(settings.seed):
        try:
            with _DataDetached():
                program = _program(model, arguments, settings, shapes)
        except NO_FAILURES:
            raise
        except Exception as problem:
            raise explained(problem, model, arguments, shapes) from problem
        if program is None:
            raise RequestError("torch's exporter gave no model back; export again with --debug to see what it says")
        wrong = unsettled_axis(program.model, model, arguments, inputs, axes, shapes)
    if wrong is not None:
        raise wrong
    made = program.model
    opset = made.opset_imports.get("")
    if settings.opset is not None and opset != settings.opset:
        raise RequestError(_not_in(settings.opset, opset))
    _name_outputs(program)
    progress(1, 3, "exporting: folding constants")
    with _quietly():
        _tidy(made, merge=settings.fuse)
    return made


def _name_outputs(program: Any) -> None:
    """Outputs that forward returns under keys are called by them, in place."""
    spec = program.exported_program.call_spec.out_spec
    outputs, inputs = program.model.graph.outputs, {value.name for value in program.model.graph.inputs}
    paths = [path for path, _ in tree_flatten_with_path(tree_unflatten(range(spec.num_leaves), spec))[0]]
    keys = [[str(part.key) for part in path if isinstance(part, MappingKey)] for path in paths]
    names = [".".join(key) for key in keys]
    if len(outputs) == len(names) and all(names) and len({*names} - inputs) == len(names):
        for value, name in zip(outputs, names, strict=True):
            value.name = name


def _not_in(wanted: int, written: int) -> str:
    """Why a model is not written for an opset."""
    from onnx.defs import onnx_opset_version

    newest = onnx_opset_version()
    if wanted > newest:
        return f"there is no opset {wanted} for the onnx that is installed: its newest is {newest}; leave --opset out"
    return (
        f"the model cannot be written for opset {wanted}: torch's exporter writes opset {written}, and converting that "
        f"to {wanted} fails on this model; choose a version nearer to {written}, or leave --opset out"
    )


def _program(model: nn.Module, arguments: Arguments, settings: ExportSettings, shapes: dict[str, Any] | None) -> Any:
    return torch.onnx.export(
        model,
        tuple(arguments[0]),
        kwargs=arguments[1],
        dynamo=True,
        optimize=False,
        verbose=False,
        opset_version=settings.opset,
        dynamic_shapes=shapes,
    )


class _DataDetached(TorchFunctionMode):
    """A parameter's `data` is what its `detach` gives: the exporter writes no values for the former."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func == _DATA:
            return args[0].detach()
        return func(*args, **(kwargs or {}))


_DATA = vars(torch._C.TensorBase)["data"].__get__


def write(made: Any, target: Path, settings: ExportSettings) -> list[Path]:
    """Write the model, its weights beside it where asked for or too large; returns the files, the model first.

    Raises RequestError where the system refuses; nothing is left behind then.
    """
    import onnx_ir

    size = sum(value.const_value.nbytes for value in made.graph.initializers.values() if value.const_value is not None)
    if not settings.external_data and size < LARGEST_FILE:
        write_whole(target, settings.path, lambda place: onnx_ir.save(made, place))
        return [target]
    try:
        data = unused_data_file(target)
        with tempfile.TemporaryDirectory(prefix=".export.", dir=target.parent) as folder:
            _write_pair(made, Path(folder), target, data, settings.path)
    except OSError as problem:
        raise RequestError(f"{settings.path} could not be written: {problem.strerror or problem}") from problem
    return [target, data] if data.exists() else [target]


def _write_pair(made: Any, folder: Path, target: Path, data: Path, typed: str) -> None:
    """The model and its weights, the model last: a name that leads to weights is never there without them."""
    import onnx_ir

    part, beside = folder / "model.onnx", folder / data.name
    onnx_ir.save(made, part, external_data=data.name)
    if beside.exists():
        write_whole(data, str(data), lambda place: beside.replace(place))
    try:
        write_whole(target, typed, lambda place: part.replace(place))
    except RequestError:
        data.unlink(missing_ok=True)
        raise


def _tidy(made: Any, merge: bool) -> None:
    """Fold constants and take out what does nothing, in place; with `merge` as the exporter's own optimiser does."""
    import onnx_ir.passes.common as passes
    from onnx_ir.passes import Sequential
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules import common as rules

    if merge:
        optimizer.optimize_ir(made)
        return
    within_a_module = [
        rules.no_op_cast_rule, rules.no_op_expand_rule, rules.no_op_transpose_rule, rules.cast_cast_rule,
        rules.cast_constant_of_shape_rule, rules.cast_constant_of_shape_without_value_rule,
        rules.collapse_slice_rule, rules.collapse_slice2_rule,
        rules.remove_optional_bias_from_conv_rule, rules.remove_optional_bias_from_conv_transpose_rule,
        rules.remove_optional_bias_from_gemm_rule,
    ]  # fmt: skip
    for _ in range(_ROUNDS):
        optimizer.fold_constants(made)
        rewriter.rewrite(made, pattern_rewrite_rules=within_a_module)
    Sequential(
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.LiftSubgraphInitializersToMainGraphPass(),
        passes.RemoveUnusedNodesPass(),
        passes.RemoveUnusedOpsetsPass(),
        passes.OutputFixPass(),
        passes.NameFixPass(),
    )(made)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter prints whole graphs where a first attempt fails, and warns of what this program says itself."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnxscript", "onnx_ir")]
    levels = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.CRITICAL)
        nowhere = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
