"""Small ONNX files for the tests."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import OnnxModel, open_onnx

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def quiet(done: int, total: int | None, text: str) -> None:
    """Progress that nobody watches."""


def array(name: str, values: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def normal(name: str, *shape: int, seed: int = 0) -> TensorProto:
    return array(name, np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def value(name: str, shape: list[int | str] | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[str],
    initializers: list[TensorProto] = [],  # noqa: B006
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "net", inputs, [value(name, None) for name in outputs], initializers)
    others = sorted({node.domain for node in nodes} - {""})
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in others)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def saved(folder: Path, model: onnx.ModelProto, name: str = "net.onnx", **options: Any) -> str:
    path = str(folder / name)
    onnx.save(model, path, **options)
    return path


def opened(folder: Path, model: onnx.ModelProto, inputs: list[InputSpec] | None = None) -> OnnxModel:
    live = open_onnx(Recipe(target=saved(folder, model), inputs=inputs or []))
    assert isinstance(live, OnnxModel)
    return live


def mlp() -> onnx.ModelProto:
    """Two layers, one as Gemm with (out, in) and one as MatMul with (in, out), named as torch's exporter names them."""
    nodes = [
        helper.make_node("Gemm", ["x", "hidden.weight", "hidden.bias"], ["h"], name="/hidden/Gemm", transB=1),
        helper.make_node("Relu", ["h"], ["a"], name="/act/Relu"),
        helper.make_node("MatMul", ["a", "onnx::MatMul_12"], ["m"], name="/output/MatMul"),
        helper.make_node("Add", ["m", "output.bias"], ["y"], name="/output/Add"),
    ]
    weights = [
        normal("hidden.weight", 5, 3),
        normal("hidden.bias", 5, seed=1),
        normal("onnx::MatMul_12", 5, 2, seed=2),
        normal("output.bias", 2, seed=3),
    ]
    return model_of(nodes, [value("x", ["batch", 3])], ["y"], weights)
