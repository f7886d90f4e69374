"""Exports to ONNX, and what comparing the file with the model finds; the oracle is onnxruntime on the file itself."""

import numpy
import onnx
import onnxruntime
import pytest
import torch
from exported_networks import (
    ByValue,
    DrawsInVain,
    FixedBatch,
    Inside,
    Net,
    Noisy,
    NoOperator,
    OwnTypes,
    Shared,
    ThroughNumPy,
    baked_in_batch,
    swapped_weights,
    wrong_epsilon,
)
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.export import ExportSettings, parse_dynamic
from inspector.core.recipe import Recipe, parse_each
from inspector.core.row_comparison import verdict
from inspector.engine.onnx_model.opening import read_graph
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.pytorch.exporting.comparing import compare_rows
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

pytestmark = pytest.mark.slow
pytest.importorskip("onnxscript")
IMAGE = parse_each(["2x3x8x8"])


def live(module: nn.Module) -> TorchModel:
    module.eval()
    return TorchModel(Recipe(target="net.py"), Opened(module, type(module).__name__, lambda seed: module))


def export(module, path, inputs=IMAGE, **settings):
    wanted = ExportSettings(path=str(path), inputs=inputs, verify=True, **settings)
    return live(module).export(wanted, lambda *_: None)


def run(path, *inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([one.name for one in session.get_inputs()], inputs, strict=True)))


@pytest.fixture(scope="module")
def trained() -> Net:
    torch.manual_seed(1)
    net = Net()
    net.train()
    for _ in range(3):
        net(torch.randn(8, 3, 8, 8) * 3 + 1)
    return net.eval()


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "net.onnx"
    return path, export(trained, path, dynamic_batch=True)


def compared(net, change, written, tmp_path):
    model = onnx.load(written[0])
    change(model)
    onnx.save(model, tmp_path / "changed.onnx")
    graph = read_graph(str(tmp_path / "changed.onnx"))
    return compare_rows(net, graph, IMAGE, provider_of("cpu"), 5, lambda *_: None)


def test_the_file_computes_what_the_model_computes(trained, written):
    path, report = written
    x = torch.randn(7, 3, 8, 8)
    assert numpy.allclose(run(path, x.numpy())[0], trained(x).detach().numpy(), atol=1e-5)
    onnx.checker.check_model(str(path), full_check=True)
    assert report.inputs[0].shape == ["batch", 3, 8, 8]
    assert report.comparison.agrees


def test_every_module_keeps_its_row_and_its_scope(written):
    comparison = written[1].comparison
    assert (comparison.matched, comparison.modules, comparison.unmatched) == (7, 7, [])
    nodes = {row.path: row.node for row in comparison.passes[0].rows if row.kind == "module"}
    assert nodes["a.bn"].startswith("a.bn/")
    assert nodes["norm"].startswith("norm/")


def test_open_axes_are_compared_at_a_second_size(written):
    passes = written[1].comparison.passes
    assert [one.inputs for one in passes] == [["2x3x8x8"], ["3x3x8x8"]]


def test_differences_are_those_of_the_values(trained, written):
    """Of the output, which both can be asked for."""
    output = written[1].comparison.passes[0].outputs[0]
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    theirs, ours = run(written[0], x.numpy())[0], trained(x).detach().numpy()
    assert output.max_abs == pytest.approx(abs(theirs - ours).max(), abs=2e-7)
    assert output.relative < output.tolerance


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (wrong_epsilon("BatchNormalization", 1), "b.bn"),
        (wrong_epsilon("LayerNormalization", 0), "norm"),
        (swapped_weights, "a.conv"),
    ],
    ids=["epsilon of a BatchNorm", "epsilon of a LayerNorm", "swapped weights"],
)
def test_a_planted_fault_is_found_at_its_row(trained, written, change, path, tmp_path):
    comparison = compared(trained, change, written, tmp_path)
    parted = comparison.first_divergence
    assert (parted.path, parted.inputs) == (path, ["2x3x8x8"])
    assert parted.node.startswith(f"{path}/")
    assert parted.relative > 0
    assert f"first at {path}" in verdict(comparison)


def test_a_size_written_into_the_file_is_found_at_another_size(trained, written, tmp_path):
    comparison = compared(trained, baked_in_batch, written, tmp_path)
    assert comparison.passes[0].first_divergence is None
    parted = comparison.first_divergence
    assert (parted.path, parted.node, parted.inputs) == ("", "node_view", ["3x3x8x8"])


def test_half_precision_leaves_the_model_as_it_is(trained, tmp_path):
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    random = torch.get_rng_state()
    report = export(trained, tmp_path / "half.onnx", half=True, dynamic_batch=True)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_default_dtype() == torch.float32
    assert not trained.a._forward_hooks
    assert report.inputs[0].dtype == report.outputs[0].dtype == "float16"
    assert report.comparison.agrees
    assert all(torch.equal(before[key], value) and before[key].dtype == value.dtype
               for key, value in trained.state_dict().items())  # fmt: skip
    halved = next(row for row in report.comparison.passes[0].rows if row.path == "head")
    assert 2**-11 < halved.tolerance < 2**-6
    fault = compared(trained, wrong_epsilon("LayerNormalization", 0), (tmp_path / "half.onnx", report), tmp_path)
    assert fault.first_divergence.path == "norm"


def test_merged_modules_are_matched_where_their_work_is_done(trained, tmp_path):
    comparison = export(trained, tmp_path / "merged.onnx", fuse=True).comparison
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(tmp_path / "merged.onnx").graph.node}
    assert {(one.path, one.into) for one in comparison.merged} >= {("a.conv", "a.bn"), ("b.conv", "b.bn")}
    assert comparison.agrees
    assert comparison.matched == comparison.modules == 7


def test_calls_of_one_layer_each_have_a_row_and_what_never_runs_has_none(tmp_path):
    comparison = export(Shared(), tmp_path / "shared.onnx", parse_each(["2x5x8"])).comparison
    rows = comparison.passes[0].rows
    assert [row.call for row in rows if row.path == "layer" and row.kind == "module"] == [0, 1, 2]
    assert len({row.node for row in rows if row.path == "layer" and row.kind == "module"}) == 3
    assert comparison.idle == ["idle"]
    assert [one.path for one in comparison.merged] == ["attention.out_proj"]
    assert comparison.agrees


class LastHidden(nn.Module):
    """Uses one of the three tensors that its LSTM gives."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 8, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[1][0][-1]


@pytest.mark.parametrize("module", [LastHidden(), nn.DataParallel(LastHidden())], ids=["plain", "wrapped"])
def test_a_module_of_several_outputs_is_compared_by_one_that_the_file_still_makes(module, tmp_path):
    comparison = export(module, tmp_path / "lstm.onnx", parse_each(["2x5x4"]), dynamic_batch=True).comparison
    assert [row.path.rpartition(".")[2] for row in comparison.passes[1].rows if row.type == "LSTM"] == ["lstm"]
    assert comparison.agrees
    assert len(comparison.passes) == 2


def test_what_is_random_is_not_said_to_agree(tmp_path):
    module = Noisy().eval()
    x = torch.randn(2, 4)
    assert not torch.allclose(module(x), module(x))
    comparison = export(module, tmp_path / "noisy.onnx", parse_each(["2x4"])).comparison
    assert [(row.type, row.random) for row in comparison.passes[0].rows] == [
        ("Linear", False), ("torch.randn_like", True), ("+", True)
    ]  # fmt: skip
    (output,) = comparison.passes[0].outputs
    assert (output.random, output.relative, output.parted) == (True, None, False)
    assert not comparison.agrees
    assert comparison.first_divergence is None
    assert "cannot be told" in verdict(comparison)


def test_random_numbers_that_leave_nothing_in_the_output_hide_no_agreement(tmp_path):
    comparison = export(DrawsInVain(), tmp_path / "vain.onnx", parse_each(["2x4"])).comparison
    assert next(row.random for row in comparison.passes[0].rows if row.type == "torch.rand_like")
    assert not comparison.passes[0].outputs[0].random
    assert comparison.agrees


def test_a_fault_beside_random_numbers_is_found(tmp_path):
    module = Noisy().eval()
    export(module, tmp_path / "noisy.onnx", parse_each(["2x4"]))
    model = onnx.load(tmp_path / "noisy.onnx")
    weight = next(one for one in model.graph.initializer if one.name == "fc.weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * 1.01, weight.name))
    onnx.save(model, tmp_path / "changed.onnx")
    graph = read_graph(str(tmp_path / "changed.onnx"))
    comparison = compare_rows(module, graph, parse_each(["2x4"]), provider_of("cpu"), 5, lambda *_: None)
    assert comparison.first_divergence.path == "fc"


def test_a_call_that_torch_does_not_see_is_no_fault_of_the_one_beside_it(tmp_path):
    module = ThroughNumPy().eval()
    report = export(module, tmp_path / "numpy.onnx", parse_each(["2x4"]))
    x = torch.randn(2, 4)
    assert numpy.allclose(run(report.path, x.numpy())[0], module(x).numpy(), atol=1e-6)
    assert report.comparison.agrees
    assert [row.path for row in report.comparison.passes[0].rows] == ["fc"]


def test_a_model_that_casts_its_input_itself_is_compared_as_it_is(tmp_path):
    module = OwnTypes().eval()
    report = export(module, tmp_path / "own.onnx", parse_each(["2x4"]))
    assert report.comparison.agrees
    assert [row.type for row in report.comparison.passes[0].rows if row.kind == "module"] == ["Linear"]
    assert report.comparison.passes[0].dtype == "bfloat16"
    assert 0 < report.comparison.passes[0].rows[-1].tolerance < 0.1


@pytest.mark.parametrize(("opset", "told"), [(99, "its newest is"), (7, "writes opset 18, and converting that to 7")])
def test_an_opset_that_cannot_be_written_is_refused_for_the_true_reason(opset, told, tmp_path):
    with pytest.raises(RequestError, match=told):
        export(Noisy(), tmp_path / "x.onnx", parse_each(["2x4"]), opset=opset)


def test_weights_too_large_for_one_file_are_written_beside_it(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("inspector.engine.pytorch.exporting.exporter.LARGEST_FILE", 1000)
    report = export(trained, tmp_path / "beside.onnx")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["beside.onnx", "beside.onnx.data"]
    x = torch.randn(2, 3, 8, 8)
    assert numpy.allclose(run(report.path, x.numpy())[0], trained(x).detach().numpy(), atol=1e-5)


def test_another_opset(trained, tmp_path):
    report = export(trained, tmp_path / "net.onnx", opset=22)
    assert report.opset == 22
    assert onnx.load(tmp_path / "net.onnx").opset_import[0].version == 22
    assert report.comparison.agrees


REFUSED = [
    (Inside(ByValue()), {}, "block.1", "if x.sum() > 0:", "depends on the values"),
    (Inside(NoOperator()), {}, "block.1", "torch.linalg.eigvals", "no operator for aten.linalg_eig"),
    (Inside(FixedBatch()), {"dynamic_batch": True}, "block.1", ".view(2, 4)", "axis 0 of x cannot stay open"),
]


@pytest.mark.parametrize(("module", "settings", "where", "line", "why"), REFUSED, ids=["values", "operator", "size"])
def test_what_cannot_be_exported_is_told_with_module_and_line(module, settings, where, line, why, tmp_path):
    with pytest.raises(RequestError) as refused:
        export(module, tmp_path / "x.onnx", parse_each(["2x4"]), **settings)
    told = str(refused.value)
    assert f"in {where} at " in told
    assert line in told
    assert why in told
    assert "\n" not in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dynamic": [parse_dynamic("y:0")]}, "no such input; its inputs are x"),
        ({"dynamic": [parse_dynamic("x:4")]}, "has 4 axes"),
        ({"dynamic": [parse_dynamic("x:0=n"), parse_dynamic("x:1=n")]}, "to have one size"),
    ],
)
def test_settings_that_do_not_fit_are_refused(trained, tmp_path, settings, told):
    with pytest.raises(RequestError, match=told):
        export(trained, tmp_path / "x.onnx", **settings)


def test_places_that_do_not_do_are_refused_before_the_work(trained, tmp_path):
    (tmp_path / "there.onnx").write_bytes(b"mine")
    for name, told in (("there.onnx", "--overwrite"), ("model.pt", "ends so"), ("no/x.onnx", "does not exist")):
        with pytest.raises(RequestError, match=told):
            export(trained, tmp_path / name)
    assert (tmp_path / "there.onnx").read_bytes() == b"mine"


def test_a_model_in_train_mode_is_refused(tmp_path):
    model = live(Net())
    model.module.a.train()
    with pytest.raises(RequestError, match="its module a is in train mode"):
        model.export(ExportSettings(path=str(tmp_path / "x.onnx"), inputs=IMAGE), lambda *_: None)


def test_without_the_exporters_library_one_is_told_what_to_install(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("inspector.engine.pytorch.exporting.exporter.NEEDED", ("onnxscript_that_is_missing",))
    with pytest.raises(RequestError, match="pip install onnxscript"):
        export(trained, tmp_path / "x.onnx")


class Named(nn.Module):
    """Returns its outputs under keys, one of them within another."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        h = self.fc(x)
        return {"logits": h * 2, "hidden": {"first": h}}


def test_outputs_are_called_by_the_keys_that_forward_returns_them_under(tmp_path):
    module = Named().eval()
    report = export(module, tmp_path / "named.onnx", parse_each(["2x4"]))
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["logits", "hidden.first"]
    x = torch.randn(2, 4)
    (logits,) = session.run(["logits"], {"x": x.numpy()})
    assert numpy.allclose(logits, module(x)["logits"].detach().numpy(), atol=1e-6)
    assert report.comparison.agrees
