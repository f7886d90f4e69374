"""A forward pass that fails, or that no input is known for, is told of in every form of a model."""

from pathlib import Path

import numpy
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from inspector.checks.running import check_model
from inspector.core.findings import CheckReport, CheckSettings
from inspector.core.recipe import InputSpec, Recipe, live_target
from inspector.engine.opening import open_live
from inspector.engine.pytorch.experiments.subject import NO_VALUES
from inspector.engine.pytorch.model import TorchModel

NEEDS_A_KEY = """from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, batch):
        return self.fc(batch["features"]["deep"].get("x")[0])
"""


def forward_checked(target: str, *inputs: str) -> CheckReport:
    live = open_live(Recipe(target=target, inputs=list(inputs)))
    return check_model(live, CheckSettings(select=["NN001"]), lambda *_: None)


def test_a_model_for_which_no_input_is_found_is_warned_of_with_what_came_furthest(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(NEEDS_A_KEY)

    [finding] = forward_checked(f"{path}:Net").findings

    assert (finding.rule, finding.severity) == ("NN001", "warning")
    assert "came furthest and failed at net.py:10" in finding.evidence
    assert "--input" in finding.fix


def test_of_parameters_without_values_no_pass_is_told_to_fail() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 4))
    live = TorchModel.alive(module.eval(), Recipe(target=live_target("Sequential")))
    report = check_model(live, CheckSettings(inputs=[InputSpec(shape=[2, 3, 8, 8])]), lambda *_: None)
    assert report.findings == []
    reasons = {one.rule: one.why for one in report.not_run}
    of_passes = {"NN001", "NN102", "NN105", "NN201", "NN301", "NN405", "NN501", "NN801"}
    assert {reasons[rule] for rule in of_passes} == {NO_VALUES}


@pytest.fixture
def mismatched_graph(tmp_path: Path) -> Path:
    """A product of 1×3 and 4×2, which onnxruntime refuses to run."""
    weight = onnx.numpy_helper.from_array(numpy.ones((4, 2), numpy.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"], "multiply")],
        "mismatched",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    path = tmp_path / "mismatched.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_a_graph_whose_pass_fails_is_an_error_at_the_node(mismatched_graph: Path) -> None:
    [finding] = forward_checked(str(mismatched_graph)).findings

    assert (finding.rule, finding.severity, finding.path) == ("NN001", "error", "multiply")
    assert "1×3" in finding.evidence


def test_a_graph_that_runs_says_nothing(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "fine",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    path = tmp_path / "fine.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))

    report = forward_checked(str(path))

    assert report.findings == []
    assert report.not_run == []
