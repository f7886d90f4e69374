"""Reports of a pass made by hand."""

from inspector.core.results import ForwardReport, Statistics, TensorGradient
from inspector.core.table import ModelInfo, ModelTable, Row, Tensor, Totals

FINITE = Statistics(mean=0.0, std=1.0, min=-1.0, max=1.0, zeros=0.0)


def row(index, path):
    return Row(index=index, parent=0 if index else None, kind="module", path=path, type="Linear", depth=1)


def tensor(key, trainable=True, tied_to=()):
    return Tensor(
        key=key, kind="parameter", shape=[2], dtype="float32", device="cpu", trainable=trainable, persistent=True,
        elements=2, bytes=8, expression=key, tied_to=list(tied_to),
    )  # fmt: skip


def gradient(key, ratio=1.0, weight=1.0, statistics=FINITE):
    return TensorGradient(key=key, gradient=statistics, gradient_ratio=ratio, weight_rms=weight)


def report(rows, tensors, gradients):
    info = ModelInfo(name="Net", framework="torch", target="net.py", weights=None, training=False, devices=["cpu"])
    totals = Totals(parameters=0, trainable_parameters=0, buffers=0, parameter_bytes=0, buffer_bytes=0, modules=0)
    table = ModelTable(model=info, inputs=[], outputs=[], totals=totals, rows=rows, tensors=tensors)
    return ForwardReport(table=table, runs=[], gradients=gradients)
