"""The models that the onnx package tests runtimes with, through the real forward pass, with their own inputs."""

import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner
from onnx_graphs import quiet

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import forwarding, open_onnx
from inspector.engine.onnx_model.held import as_numpy

PACKAGED = Path(onnx.__file__).parent / "backend" / "test" / "data"
DRAWS_RANDOM_NUMBERS = ("test_bernoulli", "test_training_dropout")
GRADIENTS = "test_gradient_of_"
"""Operators of ONNX's training preview that no runtime has."""
NOT_RUN = {
    # onnxruntime loads them and then says that it does not support this setting.
    "test_attention_4d_diff_heads_mask4d_padded_kv", "test_convinteger_with_padding", "test_reduce_max_empty_set_bool",
}  # fmt: skip
WRONG_IN_THE_EVALUATOR = {
    # onnx's own evaluator, asked directly, gives an axis too many.
    f"test_range_{kind}_delta_expanded"
    for kind in ("float_type_positive", "float16_type_positive", "bfloat16_type_positive", "int32_type_negative")
}


@pytest.fixture
def runs(monkeypatch):
    """What the forward passes of a test kept, the main graph's and then those of its bodies."""
    kept = []
    real = forwarding.run

    def run(*arguments, **options):
        kept.append(real(*arguments, **options))
        return kept[-1]

    monkeypatch.setattr(forwarding, "run", run)
    return kept


def write(path, found, declared):
    """A value as the test data folders of onnx hold it."""
    kind = declared.type.WhichOneof("value")
    if isinstance(found, TensorProto):
        proto = found
    elif kind == "optional_type":
        proto = numpy_helper.from_optional(found, declared.name)
    elif kind == "sequence_type":
        proto = numpy_helper.from_list(found, declared.name)
    else:
        proto = numpy_helper.from_array(numpy.asarray(found), declared.name)
    path.write_bytes(proto.SerializeToString())


def forwarded(folder, model, inputs, runs):
    """The report of a pass with these inputs, read from files, and what it kept of the graph's outputs."""
    onnx.save(model, folder / "case.onnx")
    specs = []
    for number, (declared, found) in enumerate(zip(model.graph.input, inputs, strict=False)):
        write(folder / f"{number}.pb", found, declared)
        specs.append(InputSpec(name=declared.name, file=str(folder / f"{number}.pb")))
    runs.clear()
    report = open_onnx(Recipe(target=str(folder / "case.onnx"))).forward(ForwardSettings(inputs=specs), quiet)
    return report, [as_numpy(runs[0].values.get(output.name)) for output in model.graph.output]


def bare(model, inputs):
    """What onnxruntime gives without us; None where it does not run, or takes and gives no such types in Python."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(model.ir_version, 10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, {one.name: found for one, found in zip(model.graph.input, inputs, strict=True)})
    except Exception:
        # Its exceptions have no base of their own.
        return None


def same(found, wanted, case):
    if isinstance(wanted, TensorProto):
        wanted = numpy_helper.to_array(wanted)
    if wanted is None or isinstance(wanted, list):
        alike = type(found) is type(wanted) and len(found or []) == len(wanted or [])
        return alike and all(same(a, b, case) for a, b in zip(found or [], wanted or [], strict=True))
    found, wanted = numpy.asarray(found), numpy.asarray(wanted)
    if found.shape != wanted.shape or (found.dtype != wanted.dtype and wanted.dtype.kind not in "OU"):
        return False
    if wanted.dtype.kind in "OUSb":
        return found.tolist() == wanted.tolist()
    widened = [one.astype(complex if one.dtype.kind == "c" else float) for one in (found, wanted)]
    return numpy.allclose(*widened, rtol=case.rtol, atol=case.atol, equal_nan=True)


def disagreements(report, outputs):
    """Of what is told of each output, what does not agree with the values that were kept."""
    for shown, found in zip(report.outputs, outputs, strict=True):
        if not isinstance(found, numpy.ndarray) or found.dtype == object:
            continue
        if shown.shape != list(found.shape):
            yield "shape", shown.shape, found.shape
        numbers = found.astype(float) if found.dtype.kind != "c" else numpy.abs(found)
        finite = numbers[numpy.isfinite(numbers)]
        if finite.size and numpy.abs(finite).max() < 1e300:
            told = (shown.statistics.mean, shown.statistics.min, shown.statistics.max)
            for one, expected in zip(told, (finite.mean(), finite.min(), finite.max()), strict=True):
                if one != pytest.approx(expected, rel=1e-3, abs=1e-5):
                    yield shown.name, one, expected
        if shown.statistics.nan != numpy.isnan(numbers).sum() or shown.statistics.inf != numpy.isinf(numbers).sum():
            yield shown.name, shown.statistics


@pytest.mark.slow
def test_the_node_cases_of_the_standard_have_rows_of_their_own_and_give_the_outputs_it_expects(tmp_path, runs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    assert len(cases) > 1500
    wrong, evaluated = {}, 0
    for case in cases:
        inputs, outputs = case.data_sets[0]
        report, found = forwarded(tmp_path, case.model, inputs, runs)
        paths = [(row.path, row.call) for row in report.table.rows]
        assert len(set(paths)) == len(paths), case.name
        failure = report.table.failure
        if failure is not None:
            if case.name not in NOT_RUN:
                wrong[case.name] = failure.message
            continue
        evaluated += runs[0].instead is not None
        assert any(note.code == "reference-evaluator" for note in report.table.notes) == (runs[0].instead is not None)
        told = list(disagreements(report, found))
        if told:
            wrong[case.name] = told
        lines = [line.output for line in report.table.rows[1].formula or [] if line.axis != "features"]
        if len(case.model.graph.node) == 1 and lines and lines != list(outputs[0].shape[-len(lines) :]):
            wrong[case.name] = ("formula", lines, outputs[0].shape)
        if all(same(one, wanted, case) for one, wanted in zip(found, outputs, strict=True)):
            continue
        # A few of the expected outputs are not what onnxruntime computes: it has to be exactly what that gives.
        given = bare(case.model, inputs) if runs[0].instead is None else None
        if given is not None and all(same(one, wanted, case) for one, wanted in zip(found, given, strict=True)):
            continue
        if not case.name.startswith(DRAWS_RANDOM_NUMBERS) and case.name not in WRONG_IN_THE_EVALUATOR:
            wrong[case.name] = (found, outputs)
    assert wrong == {}
    assert 300 < evaluated < len(cases) / 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["simple", "pytorch-converted", "pytorch-operator"])
def test_the_packaged_models_give_the_outputs_stored_with_them(tmp_path, runs, kind):
    wrong = {}
    folders = sorted(path.parent for path in (PACKAGED / kind).glob("*/model.onnx"))
    assert folders
    for folder in folders:
        model = onnx.load(folder / "model.onnx")
        data = folder / "test_data_set_0"
        held = {tensor.name for tensor in model.graph.initializer}
        names = [one for one in model.graph.input if one.name not in held]
        specs = [InputSpec(name=one.name, file=str(data / f"input_{at}.pb")) for at, one in enumerate(names)]
        runs.clear()
        report = open_onnx(Recipe(target=str(folder / "model.onnx"))).forward(ForwardSettings(inputs=specs), quiet)
        if folder.name.startswith(GRADIENTS):
            assert "Gradient" in report.table.failure.message
            continue
        if report.table.failure is not None:
            wrong[folder.name] = report.table.failure.message
            continue
        for number, output in enumerate(model.graph.output):
            found = as_numpy(runs[0].values[output.name])
            if (data / f"output_{number}.pb").is_file() and output.type.HasField("tensor_type"):
                wanted = numpy_helper.to_array(TensorProto.FromString((data / f"output_{number}.pb").read_bytes()))
                if found.dtype.kind in "OU":
                    alike = found.tolist() == wanted.tolist()
                else:
                    alike = found.shape == wanted.shape and numpy.allclose(found, wanted, 1e-3, 1e-5, equal_nan=True)
                if not alike:
                    wrong[folder.name] = (found, wanted)
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((PACKAGED / "light").glob("*.onnx")), ids=lambda path: path.stem)
def test_the_light_models_give_the_outputs_stored_with_them(tmp_path, runs, path):
    model = onnx.load(path)
    held = {tensor.name for tensor in model.graph.initializer}
    declared = [one for one in model.graph.input if one.name not in held]
    specs = []
    for one in declared:
        # As onnx's own runner makes it up for these.
        made = Runner.generate_dummy_data(one, seed=0, name=path.stem, random=False)
        write(tmp_path / "x.pb", made, one)
        specs.append(InputSpec(name=one.name, file=str(tmp_path / "x.pb")))
    report = open_onnx(Recipe(target=str(path))).forward(ForwardSettings(inputs=specs), quiet)
    assert report.table.failure is None
    (found,) = (as_numpy(runs[0].values[one.name]) for one in model.graph.output)
    stored_output = path.with_name(f"{path.stem}_output_0.pb").read_bytes()
    wanted = numpy_helper.to_array(TensorProto.FromString(stored_output))
    assert numpy.allclose(found, wanted, rtol=1e-3, atol=1e-5)
