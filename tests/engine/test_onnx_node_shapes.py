"""Shapes, formulas and what they are made of, against the node tests that the onnx package generates."""

import warnings

import numpy
import onnx
import pytest
from onnx_graphs import quiet, saved

from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import open_onnx

pytestmark = pytest.mark.slow

JUDGED = {
    "AveragePool", "CenterCropPad", "Col2Im", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "DepthToSpace",
    "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool", "MaxUnpool", "Pad", "QLinearConv", "Resize",
    "SpaceToDepth", "Upsample",
}  # fmt: skip
REFUSED = {"test_convinteger_with_padding"}
"""onnxruntime runs no ConvInteger with a zero point for each channel."""


@pytest.fixture(scope="module")
def cases():
    with warnings.catch_warnings():
        # NumPy warns of the infinities that some expected values are made of.
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return [case for case in collect_testcases(None) if is_judged(case)]


def is_judged(case):
    nodes = case.model.graph.node
    return len(nodes) == 1 and nodes[0].op_type in JUDGED and case.name not in REFUSED


def problems(case, path, specs):
    """Where the first node's size, or the sizes that its formula gives, are not those of the expected output."""
    expected = list(numpy.shape(case.data_sets[0][1][0]))
    row = open_onnx(Recipe(target=path)).trace(specs, quiet).rows[1]
    told = [line.output for line in row.formula or []]
    right = row.output_shapes[:1] == [expected] and told and told == expected[len(expected) - len(told) :]
    return [] if right else [(case.name, expected, row.output_shapes, row.formula)]


def test_sizes_and_formulas_are_those_of_the_expected_outputs(cases, tmp_path):
    found = []
    for case in cases:
        specs = []
        for number, (value, array) in enumerate(zip(case.model.graph.input, case.data_sets[0][0], strict=True)):
            numpy.save(tmp_path / f"{number}.npy", array)
            specs.append(InputSpec(name=value.name, file=str(tmp_path / f"{number}.npy")))
        found += problems(case, saved(tmp_path, case.model), specs)
    assert len(cases) > 130
    assert found == []


def test_settings_that_the_file_holds_give_the_same_as_those_given_to_it(cases, tmp_path):
    """What is an input in the test's model is an initializer in most files."""
    found, held = [], 0
    for case in cases:
        arrays = case.data_sets[0][0]
        if len(arrays) < 2 or arrays[0].dtype != numpy.float32:
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        for value, array in list(zip(model.graph.input, arrays, strict=True))[1:]:
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        del model.graph.input[1:]
        found += problems(case, saved(tmp_path, model), [])
        held += 1
    assert held > 70
    assert found == []
