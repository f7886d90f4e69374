"""Runs a graph with onnxruntime, every node's output exposed and optimisations off, so that each node is a row.

onnxruntime gives nothing back from a run that fails. So the graph is cut off before the node that failed and run
again: its rows until then are known, and so is what reached it.
"""

import ctypes
import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch

from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import VIEWED
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.shapes import mark_nodes, marked_node, unmarked

_LARGE = 1 << 16
"""Bytes from which a weight is lent to onnxruntime rather than written into the model handed to it."""
_STATUS = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE = re.compile(r"/onnxruntime_src/\S+ ")
_FUNCTION = re.compile(r"(?:\w[\w:]* )?onnxruntime::[\w:~]+\([^()]*\) (?:const )?")


@dataclass(frozen=True)
class Refusal:
    """onnxruntime would not load or run the graph."""

    type: str
    """The exception's class."""
    message: str
    culprit: int | None
    """Position of the node it names."""


@dataclass(frozen=True)
class Run:
    """One run."""

    values: dict[str, torch.Tensor | None]
    """By name, in the order of the nodes; None for sequences, maps and text."""
    reached: int
    """Nodes before this position ran."""
    seconds: float
    node_seconds: dict[int, float] = field(default_factory=dict)
    refusal: Refusal | None = None


def run(
    graph: Graph, feeds: Mapping[str, torch.Tensor], providers: list[Provider], seed: int, *, inner: bool = True
) -> Run:
    """Run once; with `inner`, every node's outputs and time are kept, else the graph's outputs only.

    A graph that does not run is no error: `refusal` says why, and the values are those of the nodes before.
    """
    onnxruntime.set_seed(seed)
    last, refusal = len(graph.nodes), None
    while True:
        try:
            result = _run(graph, feeds, providers, last, inner=inner or refusal is not None)
        except Exception as error:
            # onnxruntime's exception classes have no common base but Exception.
            culprit = marked_node(str(error))
            refusal = refusal or Refusal(type(error).__name__, _readable(graph, str(error)), culprit)
            if culprit is None or not 0 < culprit < last:
                return Run({}, 0, 0.0, refusal=refusal)
            last = culprit
        else:
            return Run(result.values, last, result.seconds, result.node_seconds, refusal)


def _run(graph: Graph, feeds: Mapping[str, torch.Tensor], providers: list[Provider], last: int, *, inner: bool) -> Run:
    names = [value.name for value in graph.model.graph.output] if last == len(graph.nodes) else []
    if inner:
        produced = [name for node in graph.nodes[:last] for name in node.proto.output if name]
        names = list(dict.fromkeys([*produced, *names]))
    model, lent = _model_to_run(graph, last, names)
    with tempfile.TemporaryDirectory() as folder:
        options = _options(graph, lent, Path(folder) if inner else None)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
        inputs = {name: _lend(tensor) for name, tensor in feeds.items()}
        started = time.perf_counter()
        results = session.run_with_ort_values(names, inputs)
        seconds = time.perf_counter() - started
        times = _times(session.end_profiling()) if inner else {}
    values = {name: _tensor(value) for name, value in zip(names, results, strict=True)}
    return Run(values, last, seconds, times)


def _model_to_run(graph: Graph, last: int, names: list[str]) -> tuple[onnx.ModelProto, dict[str, onnxruntime.OrtValue]]:
    """The graph with all wanted values as outputs, and the large weights that go beside it."""
    source, model = graph.model, onnx.ModelProto()
    model.ir_version = source.ir_version
    model.opset_import.extend(source.opset_import)
    model.functions.extend(source.functions)
    model.graph.name = source.graph.name or "graph"
    model.graph.node.extend(source.graph.node[:last])
    model.graph.sparse_initializer.extend(source.graph.sparse_initializer)
    # With the initializers among them, where the file declares those too: before IR version 4 it has to.
    model.graph.input.extend(source.graph.input)
    mark_nodes(model)
    lent = {}
    for tensor in source.graph.initializer:
        value = _lent(tensor)
        if value is None:
            model.graph.initializer.append(tensor)
            continue
        lent[tensor.name] = value
        placeholder = model.graph.initializer.add(
            name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, data_location=onnx.TensorProto.EXTERNAL
        )
        for key, text in (("location", "lent"), ("offset", "0"), ("length", str(len(tensor.raw_data)))):
            placeholder.external_data.add(key=key, value=text)
    declared = {value.name: value for value in source.graph.output}
    # A value without a type makes onnxruntime use the type that it infers itself.
    model.graph.output.extend(declared.get(name) or onnx.ValueInfoProto(name=name) for name in names)
    return model, lent


def _options(
    graph: Graph, lent: Mapping[str, onnxruntime.OrtValue], profile: Path | None
) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    # Threads that spin while they wait take the processor from the statistics of what was run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph.folder))
    if lent:
        options.add_external_initializers(list(lent), list(lent.values()))
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "nodes")
    return options


def _lent(tensor: onnx.TensorProto) -> onnxruntime.OrtValue | None:
    """The weight's bytes where they lie; None for small ones, for those in other files, and for packed types."""
    if len(tensor.raw_data) < _LARGE or tensor.data_type in VIEWED or tensor.data_type == onnx.TensorProto.STRING:
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.kind not in "fiub":
        return None
    array = numpy.frombuffer(tensor.raw_data, dtype=dtype).reshape(tuple(tensor.dims))
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _lend(tensor: torch.Tensor) -> onnxruntime.OrtValue:
    for data_type, (bits, dtype) in VIEWED.items():
        if tensor.dtype == dtype:
            array = tensor.contiguous().view(torch.uint8 if bits is numpy.uint8 else torch.uint16).numpy()
            return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array, data_type)
    return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.contiguous().numpy())


def _tensor(value: onnxruntime.OrtValue) -> torch.Tensor | None:
    if not value.has_value() or not value.is_tensor():
        return None
    if value.element_type() in VIEWED:
        # NumPy has no such numbers: take the bytes as they are.
        raw = bytearray(ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes()))
        dtype = VIEWED[value.element_type()][1]
        flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return flat.reshape(value.shape())
    array = value.numpy()
    return torch.from_numpy(array) if array.dtype.kind in "fiubc" else None


def _times(profile: str) -> dict[int, float]:
    """Seconds in the kernels of each node, from onnxruntime's profile; a node that became several has their sum."""
    seconds: dict[int, float] = {}
    for event in json.loads(Path(profile).read_text("utf-8")):
        name = event.get("name", "")
        position = marked_node(name) if name.endswith("_kernel_time") else None
        if position is not None:
            seconds[position] = seconds.get(position, 0.0) + event["dur"] / 1e6
    return seconds


def _readable(graph: Graph, message: str) -> str:
    """The message with the file's own names, without the places in onnxruntime's source."""
    text = unmarked(graph, message)
    for pattern in (_STATUS, _PLACE, _FUNCTION):
        text = pattern.sub("", text)
    return " ".join(text.split())
