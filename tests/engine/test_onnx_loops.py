"""Loops: those that never end, those that keep too much, and how their nodes are timed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_graphs import BOOL, INT64, array, model_of, opened, quiet, value

from inspector.core.forward_settings import ForwardSettings
from inspector.engine.onnx_model import stopping

_DOUBLING = helper.make_node("Add", ["v", "v"], ["doubled"], name="double")


def loop(count: int | None, ending: onnx.NodeProto, *, keeps: bool = False) -> onnx.ModelProto:
    """Doubles its input in each round, until `ending` makes the condition ``go`` false or `count` is reached."""
    outputs = [value("go", [], BOOL), value("doubled", None), *([value("kept", None)] if keeps else [])]
    nodes = [ending, _DOUBLING, *([helper.make_node("Identity", ["doubled"], ["kept"])] if keeps else [])]
    inputs = [value("i", [], INT64), value("going", [], BOOL), value("v", None)]
    body = helper.make_graph(nodes, "body", inputs, outputs)
    made = ["y", *(["all"] if keeps else [])]
    node = helper.make_node("Loop", ["" if count is None else "most", "start", "x"], made, name="L", body=body)
    held = [array("start", np.array(True)), *([] if count is None else [array("most", np.int64(count))])]
    return model_of([node], [value("x", [2])], made, held)


_UNCHANGED = helper.make_node("Identity", ["going"], ["go"], name="pass")
_TRUE = helper.make_node("Constant", [], ["go"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True]))


@pytest.mark.parametrize("ending", [_UNCHANGED, _TRUE], ids=["given back", "constant"])
@pytest.mark.parametrize("count", [2**62, None])
def test_a_loop_that_never_ends_is_not_begun(tmp_path: Path, count: int | None, ending: onnx.NodeProto) -> None:
    live = opened(tmp_path, loop(count, ending))
    table = live.trace([], quiet)
    assert table.failure is None
    assert "goes round" in next(note.message for note in table.notes if note.code == "not-run")
    failure = live.forward(ForwardSettings(), quiet).table.failure
    assert failure is not None
    assert (failure.path, failure.type) == ("L", "EndlessLoop")
    assert not any("input sizes" in text for text in failure.suggestions)


def test_a_loop_of_many_rounds_that_ends_is_run(tmp_path: Path) -> None:
    report = opened(tmp_path, loop(20_000, _UNCHANGED)).forward(ForwardSettings(), quiet)
    assert report.table.failure is None
    assert report.runs[0].seconds is not None


def test_the_nodes_of_a_short_loop_are_timed_and_those_of_a_long_one_are_said_not_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = opened(tmp_path, loop(3, _UNCHANGED))
    short = live.forward(ForwardSettings(), quiet)
    assert [run.seconds is not None for row, run in zip(short.table.rows, short.runs, strict=True) if row.path == "L"]
    assert "not-timed" not in [note.code for note in short.table.notes]
    monkeypatch.setattr("inspector.engine.onnx_model.runtime._PROFILED", 0.0)
    long = live.forward(ForwardSettings(), quiet)
    assert [run.seconds for row, run in zip(long.table.rows, long.runs, strict=True) if row.path == "L"] == [None]
    assert "not-timed" in [note.code for note in long.table.notes]


def until_far() -> onnx.ModelProto:
    """The condition comes from a value, so that nobody can tell before."""
    model = loop(None, helper.make_node("Less", ["i", "far"], ["go"]), keeps=True)
    model.graph.initializer.append(array("far", np.int64(2**62)))
    return model


def test_a_loop_that_takes_long_does_not_hold_up_the_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.engine.onnx_model.confirming._LONGEST", 0.2)
    table = opened(tmp_path, until_far()).trace([], quiet)
    assert "stopped after 0.2 seconds" in next(note.message for note in table.notes if note.code == "not-run")


def test_a_loop_that_uses_up_the_memory_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps what it makes in every round."""
    monkeypatch.setattr(stopping, "free_memory", lambda: 0)
    failure = opened(tmp_path, until_far()).forward(ForwardSettings(), quiet).table.failure
    assert failure is not None
    assert failure.type == "MemoryError"


def test_types_that_do_not_fit_are_no_matter_of_input_sizes(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "whole"], ["y"], name="add")
    model = model_of([node], [value("x", [2])], ["y"], [array("whole", np.int64([1, 2]))])
    failure = opened(tmp_path, model).forward(ForwardSettings(), quiet).table.failure
    assert failure is not None
    assert failure.path == "add"
    assert failure.suggestions
    assert not any("input sizes" in text for text in failure.suggestions)
