"""Which tensors belong to a row, and how keys are spelled."""

import msgspec
import pytest
from fake_client import lenet, tensor

from inspector.core.table import ModelInfo, ModelTable, Row
from inspector.core.tensor_places import TensorPlaces
from inspector.tui.view import View, next_spelling, spell


def keys(table, row):
    return [one.key for one in TensorPlaces(table).below(row)]


def test_a_module_has_what_its_path_begins():
    table = lenet()
    assert keys(table, table.rows[1]) == ["conv1.weight", "conv1.bias"]
    assert keys(table, table.rows[0]) == [one.key for one in table.tensors]


def test_a_name_that_only_begins_alike_is_another_module():
    table = lenet()
    table = msgspec.structs.replace(table, tensors=[*table.tensors, tensor("conv10.weight", [1])])
    assert "conv10.weight" not in keys(table, table.rows[1])


def test_a_function_has_the_tensors_its_caller_holds_itself():
    table = lenet()
    assert keys(table, table.rows[2]) == []
    table = msgspec.structs.replace(table, tensors=[*table.tensors, tensor("scale", [1])])
    assert keys(table, table.rows[2]) == ["scale"]


def node(index, parent, kind, path, parameters):
    return Row(
        index=index, parent=parent, kind=kind, path=path, type="Conv", depth=0 if parent is None else 1,
        parameters=parameters,
    )  # fmt: skip


@pytest.mark.parametrize(("parameters", "found"), [(456, ["conv1.weight", "conv1.bias"]), (457, [])])
def test_an_onnx_nodes_initializers_are_named_only_where_their_sizes_agree(parameters, found):
    rows = [node(0, None, "module", "", 456), node(1, 0, "module", "/conv1", parameters)]
    rows.append(node(2, 1, "node", "/conv1/Conv", parameters))
    table = ModelTable(
        model=ModelInfo(name="m", framework="onnx", target="m.onnx"),
        rows=rows,
        tensors=[tensor("conv1.weight", [6, 3, 5, 5]), tensor("conv1.bias", [6]), tensor("conv2.bias", [6])],
    )
    assert keys(table, rows[1]) == found
    assert [one.key for one in View(table=table, row=rows[2]).own_tensors] == found


def test_spellings_go_round_and_those_that_look_alike_are_left_out():
    assert next_spelling("here", frozenset()) == "saved"
    assert next_spelling("saved", frozenset()) == "here"
    root = frozenset({"module"})
    assert next_spelling("here", root) == "plain"
    assert spell("module.fc.weight", root, "plain") == "fc.weight"
    inner = frozenset({"features.module"})
    assert [next_spelling(one, inner) for one in ("here", "plain", "saved")] == ["plain", "saved", "here"]
