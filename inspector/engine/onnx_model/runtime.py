"""A run by onnxruntime, every node's output exposed and optimisations off, so that each node is a row.

onnxruntime gives nothing back from a run that fails. So the graph is cut off before the node that failed and run
again: its rows until then are known, and so is what reached it.

Its profiler keeps kilobytes for every step of a loop, and slows it down tenfold; so a graph with loops is profiled in a
run of its own, and only where it takes little time without.
"""

import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
from onnx import TensorProto

from inspector.engine.onnx_model.constants import sparse_constant
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described
from inspector.engine.onnx_model.initializers import DataFiles, stored_bytes
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.runtime_values import lent_value, results_of
from inspector.engine.onnx_model.shapes import infer, mark_nodes, marked_node, unmarked
from inspector.engine.onnx_model.stopping import watched
from inspector.engine.onnx_model.torch_values import VIEWED, dense_values

_LARGE = 1 << 16
"""Bytes from which a weight is lent to onnxruntime rather than written into the model handed to it."""
_PROFILED = 0.1
"""Seconds up to which a graph with loops is run once more for the times of its nodes."""
_NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
_NEWEST_IR = 10
"""The version of the format that a graph is handed over in, where it is newer: the newer ones add nothing that runs."""
_STATUS = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE = re.compile(r"/onnxruntime_src/\S+ ")
_FUNCTION = re.compile(r"(?:\w[\w:]* )?onnxruntime::[\w:~]+\([^()]*\) (?:const )?")


class _StoppedError(Exception):
    """The run was ended before it was through."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _NotLoadedError(Exception):
    """onnxruntime makes no session of the graph, whatever it would be given."""


def run(
    graph: Graph,
    feeds: Mapping[str, Held],
    providers: list[Provider],
    seed: int,
    *,
    inner: bool = True,
    timed: bool = False,
    limit: float | None = None,
    wanted: str | None = None,
) -> Run:
    """Run once; see `running.run`. Where onnxruntime lacks something, `refusal.lacking` is true."""
    onnxruntime.set_seed(seed)
    last, refusal = graph.position_behind(wanted), None
    loops = any(node.standard and node.proto.op_type in ("Loop", "Scan") for one in graph.walk() for node in one.nodes)
    names = _values_to_keep(graph, last, inner=inner) if wanted is None else [wanted]
    while True:
        try:
            result = _run(graph, feeds, providers, last, names, profiled=timed and not loops, limit=limit)
        except _StoppedError as stopped:
            return Run({}, 0, 0.0, refusal=stopped.refusal, feeds=feeds)
        except Exception as error:
            # onnxruntime's exception classes have no common base but Exception.
            culprit = marked_node(str(error))
            refusal = refusal or _refusal(graph, feeds, error, culprit)
            if refusal.lacking or wanted or culprit is None or not 0 < culprit < last:
                return Run({}, 0, 0.0, refusal=refusal, feeds=feeds)
            last = culprit
            names = _values_to_keep(graph, last, inner=True)
        else:
            if inner:
                result.values.update(_sparse_constants(graph, last))
            if timed and loops and result.seconds < _PROFILED:
                onnxruntime.set_seed(seed)
                again = _run(graph, feeds, providers, last, names, profiled=True, limit=limit)
                result = replace(result, node_seconds=again.node_seconds, node_providers=again.node_providers)
            return replace(result, reached=last, refusal=refusal, feeds=feeds)


def _refusal(graph: Graph, feeds: Mapping[str, Held], error: Exception, culprit: int | None) -> Refusal:
    cause = error.__cause__ if isinstance(error, _NotLoadedError) and error.__cause__ else error
    by_itself = isinstance(error, _NotLoadedError)
    lacking = _NOT_IMPLEMENTED in str(error) or (by_itself and _is_allowed(graph, feeds))
    return Refusal(type(cause).__name__, _readable(graph, str(error)), culprit, lacking, by_itself)


def _is_allowed(graph: Graph, feeds: Mapping[str, Held]) -> bool:
    """Whether nothing in the graph contradicts the standard, so that it is onnxruntime that falls short of it."""
    shapes = {name: shape for name, value in feeds.items() if (shape := described(value).shape) is not None}
    return infer(graph, shapes, types=True).problem is None


def _values_to_keep(graph: Graph, last: int, *, inner: bool) -> list[str]:
    names = [value.name for value in graph.outputs] if last == len(graph.nodes) else []
    if not inner:
        return names
    # A sparse constant that is an output as well reaches no kernel that takes a dense one; the file has its values.
    produced = [name for node in graph.nodes[:last] if not _is_sparse(node) for name in node.proto.output if name]
    return list(dict.fromkeys([*produced, *names]))


def _sparse_constants(graph: Graph, last: int) -> dict[str, Held]:
    names = (node.proto.output[0] for node in graph.nodes[:last] if _is_sparse(node))
    return {name: dense_values(graph, graph.key(name)) for name in names}


def _is_sparse(node: Node) -> bool:
    return node.standard and node.proto.op_type == "Constant" and sparse_constant(node.proto) is not None


def _run(
    graph: Graph,
    feeds: Mapping[str, Held],
    providers: list[Provider],
    last: int,
    names: list[str],
    *,
    profiled: bool,
    limit: float | None,
) -> Run:
    model, lent = model_to_run(graph, last, names)
    with tempfile.TemporaryDirectory() as folder:
        options = options_of(graph, lent, profile=Path(folder) if profiled else None)
        session = loaded(model, options, providers)
        inputs = {name: lent_value(value) for name, value in feeds.items()}
        started = time.perf_counter()
        with watched(limit, memory=bool(graph.bodies)) as watch:
            try:
                values = results_of(session, names, inputs, watch.options)
            except Exception as error:
                if watch.reason is None:
                    raise
                raise _StoppedError(Refusal(*watch.reason, None)) from error
        seconds = time.perf_counter() - started
        times, where = _profiled(session.end_profiling()) if profiled else ({}, {})
    return Run(values, last, seconds, times, where)


def loaded(
    model: onnx.ModelProto, options: onnxruntime.SessionOptions, providers: list[Provider]
) -> onnxruntime.InferenceSession:
    """A session; what onnxruntime says where it makes none is raised as the cause of a `_NotLoadedError`."""
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    except Exception as error:
        raise _NotLoadedError(str(error)) from error


def model_to_run(graph: Graph, last: int, names: list[str]) -> tuple[onnx.ModelProto, dict[str, onnxruntime.OrtValue]]:
    """The graph with all wanted values as outputs, and the large weights that go beside it."""
    source, model = graph.model, onnx.ModelProto()
    model.ir_version = min(source.ir_version, _NEWEST_IR)
    model.opset_import.extend(source.opset_import)
    if graph.functions.left:
        model.functions.extend(source.functions)
    model.graph.name = source.graph.name or "graph"
    model.graph.node.extend(node.proto for node in graph.nodes[:last])
    model.graph.sparse_initializer.extend(graph.sparse.values())
    # With the initializers among them, where the file declares those too: before IR version 4 it has to.
    model.graph.input.extend(graph.declared)
    mark_nodes(model)
    lent = {}
    for tensor in graph.initializers.values():
        value = _lent(graph.files, tensor)
        if value is None:
            model.graph.initializer.append(_written_in(graph.files, tensor))
            continue
        lent[tensor.name] = value
        placeholder = model.graph.initializer.add(
            name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, data_location=TensorProto.EXTERNAL
        )
        for key, text in (("location", "lent"), ("offset", "0"), ("length", str(stored_bytes(tensor)))):
            placeholder.external_data.add(key=key, value=text)
    declared = {value.name: value for value in graph.outputs}
    # A value without a type makes onnxruntime use the type that it infers itself.
    model.graph.output.extend(declared.get(name) or onnx.ValueInfoProto(name=name) for name in names)
    return model, lent


def options_of(
    graph: Graph,
    lent: Mapping[str, onnxruntime.OrtValue],
    *,
    profile: Path | None = None,
    optimised: Path | None = None,
) -> onnxruntime.SessionOptions:
    """Optimisations off; with the folder of a `profile`, the time of each node is written there.

    `optimised`: the file that the graph is written to, all optimisations on.
    """
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_DISABLE_ALL if optimised is None else levels.ORT_ENABLE_ALL
    options.log_severity_level = 4
    # Threads that spin while they wait take the processor from the statistics of what was run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if optimised is None:
        # For a single run there is no point in copying the weights into another order.
        options.add_session_config_entry("session.disable_prepacking", "1")
    else:
        options.optimized_model_filepath = str(optimised)
        # Weights beside it, as a file of Protocol Buffers ends at 2 GB.
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph.files.folder))
    if lent:
        options.add_external_initializers(list(lent), list(lent.values()))
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "nodes")
    return options


def _lent(files: DataFiles, tensor: TensorProto) -> onnxruntime.OrtValue | None:
    """The weight's bytes where they lie; None for small ones, for those that onnxruntime maps from their file itself,
    and for packed types."""
    inside = files.holds(tensor) and not files.stands()
    if not inside and (len(tensor.raw_data) < _LARGE or tensor.data_location == TensorProto.EXTERNAL):
        return None
    if tensor.data_type in VIEWED:
        bits, _ = VIEWED[tensor.data_type]
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(files.array(tensor).view(bits), tensor.data_type)
    if onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).kind not in "fiub":
        return None
    return onnxruntime.OrtValue.ortvalue_from_numpy(files.array(tensor))


def _written_in(files: DataFiles, tensor: TensorProto) -> TensorProto:
    """The weight with its bytes, where they were left in a file that is no longer there."""
    if not files.holds(tensor) or files.stands():
        return tensor
    return TensorProto(
        name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=bytes(files.content(tensor))
    )


def _profiled(profile: str) -> tuple[dict[int, float], dict[int, str]]:
    """Seconds in the kernels of each node, and its provider; a node that became several has their sum."""
    seconds: dict[int, float] = {}
    providers: dict[int, str] = {}
    for event in json.loads(Path(profile).read_text("utf-8")):
        name = event.get("name", "")
        position = marked_node(name) if name.endswith("_kernel_time") else None
        if position is not None:
            seconds[position] = seconds.get(position, 0.0) + event["dur"] / 1e6
            providers[position] = event.get("args", {}).get("provider", "")
    return seconds, providers


def _readable(graph: Graph, message: str) -> str:
    """The message with the file's own names, without the places in onnxruntime's source."""
    text = unmarked(graph, message)
    for pattern in (_STATUS, _PLACE, _FUNCTION):
        text = pattern.sub("", text)
    return " ".join(text.split())
