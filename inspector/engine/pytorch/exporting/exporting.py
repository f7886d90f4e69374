"""An export from beginning to end: the inputs, the exporter, the file, and the comparison where it is asked for."""

from pathlib import Path

import onnx
import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.export import ExportedValue, ExportReport, ExportSettings
from inspector.core.recipe import InputSpec, Recipe, later_seed
from inspector.core.row_comparison import RowComparison
from inspector.engine.live import Progress
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.model import OnnxModel
from inspector.engine.onnx_model.opening import read_graph
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.pytorch.exporting.comparing import compare_rows, input_names
from inspector.engine.pytorch.exporting.exporter import exported, target_of, write
from inspector.engine.pytorch.exporting.open_axes import Axes, open_axes
from inspector.engine.pytorch.inputs.arguments import named_arguments_for
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.row_values import arguments_in, in_dtype


def export(model: nn.Module, specs: list[InputSpec], settings: ExportSettings, progress: Progress) -> ExportReport:
    """Write the model as ONNX, in eval mode and as it is now; with `verify` compare the file with it.

    Raises RequestError where the exporter fails, or the file cannot be written.
    """
    target = target_of(settings)
    training = next((path for path, module in model.named_modules() if module.training), None)
    if training is not None:
        place = f"its module {training}" if training else "the model"
        raise RequestError(f"{place} is in train mode, and what is exported is for use: switch it to eval mode first")
    subject = in_dtype(model, torch.float16) if settings.half else model
    device = next((str(one.device) for one in [*model.parameters(), *model.buffers()]), "cpu")
    if device != "cpu":
        raise RequestError(f"the model is on {device}; move it to the cpu to export it")
    specs, axes = _inputs(subject, specs, settings)
    arguments, names = named_arguments_for(subject, specs, settings.seed)
    if settings.half:
        arguments = arguments_in(arguments, torch.float16)
    inputs = list(zip(input_names(subject, names), tensors_in(arguments), strict=True))
    made = exported(subject, arguments, inputs, axes, settings, progress)
    progress(2, 3, f"writing {target.name}")
    files = write(made, target, settings)
    del made
    graph = read_graph(str(target))
    comparison = None
    if settings.verify:
        # Another seed than the exporter saw: a value that it took for a constant shows.
        seed = later_seed(settings.seed, 1)
        comparison = compare_rows(subject, graph, specs, provider_of("cpu"), seed, progress)
    return _report(graph, files, settings, comparison)


def _inputs(model: nn.Module, specs: list[InputSpec], settings: ExportSettings) -> tuple[list[InputSpec], Axes]:
    """The inputs to export with, and the open axes: of size 2 where they are 1, which the exporter takes for fixed."""
    arguments, names = named_arguments_for(model, specs, settings.seed)
    inputs = list(zip(input_names(model, names), tensors_in(arguments), strict=True))
    axes = open_axes(inputs, settings)
    by_name = {name: place for place, name in enumerate(names) if name}
    unnamed = iter([place for place, name in enumerate(names) if not name])
    changed = []
    for spec in specs:
        place = None if spec.value is not None else by_name[spec.name] if spec.name in by_name else next(unnamed, None)
        opened = axes.get(place, {}) if place is not None else {}
        if spec.shape is not None and opened:
            shape = [2 if size == 1 and axis in opened else size for axis, size in enumerate(spec.shape)]
            changed.append(replace(spec, shape=shape))
        else:
            changed.append(spec)
    return changed, axes


def _report(
    graph: Graph, files: list[Path], settings: ExportSettings, comparison: RowComparison | None
) -> ExportReport:
    model = graph.model
    return ExportReport(
        path=settings.path,
        opset=graph.opset(),
        bytes=sum(file.stat().st_size for file in files),
        files=[str(file) for file in files],
        inputs=[_value(value) for value in graph.inputs],
        outputs=[_value(value) for value in model.graph.output],
        nodes=len(graph.nodes),
        comparison=comparison,
        graph=None if comparison is None else OnnxModel(Recipe(target=str(files[0])), graph, "cpu").table(),
    )


def _value(value: onnx.ValueInfoProto) -> ExportedValue:
    tensor = value.type.tensor_type
    return ExportedValue(
        name=value.name,
        shape=[one.dim_value if one.HasField("dim_value") else one.dim_param or "?" for one in tensor.shape.dim],
        dtype=dtype_name(tensor.elem_type),
    )
