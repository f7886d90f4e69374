"""Rules, file formats and receptive-field rules of other distributions, in a child process as they are installed."""

import json
import struct

import numpy
import onnx
import pytest
import torch
from distributions import distribution, nninspect
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.slow

RULES = """
import sys
from inspector.checks.rules import AddedRule, finding
from inspector.core.findings import Rule

WIDE = Rule(id="ACME001", name="too-wide", looks_for="Layers of many parameters.", thresholds="100", source="acme.org")
BROKEN = Rule(id="ACME002", name="broken", looks_for="Nothing.", thresholds="none", source="acme.org")
LEAVING = Rule(id="ACME004", name="leaving", looks_for="Nothing.", thresholds="none", source="acme.org")
TAKEN = Rule(id="NN105", name="ours", looks_for="Nothing.", thresholds="none", source="acme.org")
NAMES = Rule(id="ACME003", name="names", looks_for="Keys.", thresholds="none", source="acme.org")


def look(evidence):
    for row in evidence.traced.rows:
        if row.kind == "module" and row.own_parameters > 100:
            text = f"{row.path} has {row.own_parameters} parameters"
            yield finding(WIDE, "warning", row.path, text, "counted", "make it smaller", "where memory is cheap")


def names(evidence):
    for tensor in evidence.weights.measured:
        yield finding(NAMES, "info", tensor.key, f"there is {tensor.key}", "its key", "nothing", "always")


too_wide = AddedRule(WIDE, look)
broken = AddedRule(BROKEN, lambda evidence: 1 / 0)
leaving = AddedRule(LEAVING, lambda evidence: sys.exit(5))
taken = AddedRule(TAKEN, look)
names_of_files = AddedRule(NAMES, names, of_files=True)
"""
MODEL = "from torch import nn\nmodel = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 2))\n"


@pytest.fixture
def rules(tmp_path):
    points = {
        "ACME001": "acme_rules:too_wide",
        "ACME002": "acme_rules:broken",
        "ACME003": "acme_rules:names_of_files",
        "ACME004": "acme_rules:leaving",
        "ACME009": "acme_missing:rule",
        "NN105": "acme_rules:taken",
    }
    (tmp_path / "net.py").write_text(MODEL)
    return distribution(tmp_path / "site", "acme-rules", {"nninspect.rules": points}, acme_rules=RULES)


def test_an_added_rule_is_applied_and_one_that_is_broken_is_told(rules, tmp_path):
    done = nninspect(["check", "net.py", "--json", "--fail-on", "warning"], tmp_path, [rules])
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    found = {one["path"]: one for one in report["findings"] if one["rule"] == "ACME001"}
    assert found.keys() == {"0"}
    assert found["0"]["message"] == "0 has 200 parameters"
    why = {one["rule"]: one["why"] for one in report["not_run"]}
    assert why["ACME002"] == "ACME002 of acme-rules fails with ZeroDivisionError: division by zero"
    assert why["ACME009"].startswith(
        "ACME009 of acme-rules is left out: importing acme_missing:rule fails with ModuleNotFoundError"
    )
    assert why["ACME004"] == "ACME004 of acme-rules fails with SystemExit: 5"
    assert "do not begin with NN" in why["NN105 of acme-rules"]
    assert "NN105" not in why
    assert [one["name"] for one in report["rules"] if one["id"] == "NN105"] == ["inplace-breaks-autograd"]
    assert "Traceback" not in done.stderr


def test_added_rules_are_explained_selected_and_ignored(rules, tmp_path):
    explained = nninspect(["check", "--explain", "acme001"], tmp_path, [rules])
    assert explained.stdout.splitlines()[:3] == ["ACME001 too-wide", "", "Layers of many parameters."]
    left_out = nninspect(["check", "--explain", "ACME009"], tmp_path, [rules])
    assert left_out.returncode == 2
    assert "ACME009 of acme-rules is left out: importing acme_missing:rule fails" in left_out.stderr
    selected = json.loads(nninspect(["check", "net.py", "--json", "--select", "ACME"], tmp_path, [rules]).stdout)
    assert {one["rule"] for one in selected["findings"]} == {"ACME001", "ACME003"}
    ignored = nninspect(["check", "net.py", "--json", "--select", "ACME", "--ignore", "ACME001"], tmp_path, [rules])
    assert {one["rule"] for one in json.loads(ignored.stdout)["findings"]} == {"ACME003"}
    assert "ACME009" in {one["rule"] for one in json.loads(ignored.stdout)["not_run"]}
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pt")
    of_file = nninspect(["check", "w.pt", "--json", "--ignore", "ACME002"], tmp_path, [rules])
    lacking = {one["rule"] for one in json.loads(of_file.stdout)["not_run"]}
    assert "ACME009" in lacking
    assert "ACME002" not in lacking
    unknown = nninspect(["check", "net.py", "--select", "ACNE"], tmp_path, [rules])
    assert unknown.returncode == 2
    assert "ACME001" in unknown.stderr


FORMAT = """
import struct
from inspector.files.catalog import Catalog, CatalogTensor

MAGIC = b"ACMETENS"


def sniff(head, path):
    return head.startswith(MAGIC)


def open(path):
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<I", raw, 8)
    tensor = CatalogTensor(
        key="w", name="w", shape=[length], dtype="float32", storage="0", storage_offset=0, strides=[1], device="cpu",
        elements=length, bytes=4 * length, file=str(path), start=12,
    )
    return Catalog(path=str(path), format="?", bytes=len(raw), root="mapping", root_type="acme", tensors=[tensor])
"""


def test_a_file_of_an_added_format_is_listed_and_its_values_read(tmp_path):
    points = {"acme": "acme_format", "gguf": "acme_format", "acme-broken": "acme_nothing"}
    site = distribution(tmp_path / "site", "acme-format", {"nninspect.formats": points}, acme_format=FORMAT)
    (tmp_path / "w.acme").write_bytes(b"ACMETENS" + struct.pack("<I3f", 3, 1.0, float("nan"), 3.0))
    done = nninspect(["summary", "w.acme", "--json"], tmp_path, [site])
    document = json.loads(done.stdout)
    assert document["file"]["format"] == "acme"
    assert [(one["key"], one["shape"]) for one in document["tensors"]] == [("w", [3])]
    checked = json.loads(nninspect(["check", "w.acme", "--json"], tmp_path, [site]).stdout)
    assert [one["rule"] for one in checked["findings"]] == ["NN402"]

    (tmp_path / "cut.acme").write_bytes(b"ACMETENS\1")
    cut = nninspect(["summary", "cut.acme"], tmp_path, [site])
    assert cut.returncode == 2
    told = "cut.acme cannot be read: the format acme of acme-format fails with error: unpack_from requires"
    assert told in cut.stderr
    assert "Traceback" not in cut.stderr

    (tmp_path / "odd.bin").write_bytes(b"nothing that is known")
    odd = nninspect(["summary", "odd.bin"], tmp_path, [site])
    assert odd.returncode == 2
    assert "gguf of acme-format is left out: its name has to be one of its own" in odd.stderr
    assert "acme-broken of acme-format is left out: importing acme_nothing fails with" in odd.stderr
    assert "odd.bin" in odd.stderr.splitlines()[-1]


HALVING = """
import torch
from torch import nn

library = torch.library.Library("acme", "DEF")
for name in ("halve", "other", "wrong"):
    library.define(f"{name}(Tensor x) -> Tensor")
    library.impl(name, lambda x: x[..., ::2].clone(), "CompositeExplicitAutograd")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 1, 3)
        self.second = nn.Conv1d(1, 1, 3)

    def forward(self, x):
        return self.second(torch.ops.acme.OPERATION(self.first(x)))
"""
FIELD_RULES = """
from msgspec.structs import replace
from inspector.core.field_rules import apply


def halve(call):
    (shape, field), = call.inputs
    settings = {"kernel": [1], "stride": [2], "padding": [0], "dilation": [1], "axes": 1}
    return apply(replace(call, op="pool", settings=settings))


def wrong(call):
    return ["a field"]
"""


@pytest.mark.parametrize(
    ("operation", "field", "told"),
    [
        # A convolution of 3, every second position, a convolution of 3: (3 − 1)·2 + 3 = 7 by Araujo et al. 2019.
        ("halve", ("exact", [7], [2]), ""),
        ("other", ("unknown", [], []), ""),
        ("wrong", ("unknown", [], []), "acme::wrong of acme-fields is left out: it does not give a list with a field"),
    ],
)
def test_an_operation_has_the_added_rule_of_its_name(tmp_path, operation, field, told):
    (tmp_path / "net.py").write_text(HALVING.replace("OPERATION", operation))
    points = {"acme::halve": "acme_fields:halve", "acme::wrong": "acme_fields:wrong"}
    site = distribution(tmp_path / "site", "acme-fields", {"nninspect.field_rules": points}, acme_fields=FIELD_RULES)
    done = nninspect(["summary", "net.py", "--json", "--input", "1x1x32"], tmp_path, [site])
    assert done.returncode == 0, done.stderr
    last = next(row for row in json.loads(done.stdout)["rows"] if row["path"] == "second")["receptive_field"]
    assert (last["status"], last["size"], last["stride"]) == field
    assert told in done.stderr
    assert done.stderr.count("left out") == bool(told)


def test_a_node_without_a_rule_of_ours_has_the_added_rule_of_its_name(tmp_path):
    weight = numpy_helper.from_array(numpy.ones((1, 1, 3), numpy.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("SampleOp", ["a"], ["b"], domain="com.microsoft"),
        helper.make_node("Conv", ["b", "w"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name, size in (("x", 32), ("y", 28))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weight])
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), tmp_path / "net.onnx")
    rules = "def echo(call):\n    ((shape, field),) = call.inputs\n    return [field]\n"
    points = {"com.microsoft.SampleOp": "acme_fields:echo"}
    site = distribution(tmp_path / "site", "acme-fields", {"nninspect.field_rules": points}, acme_fields=rules)
    with_rule, without = (
        [row["receptive_field"] for row in json.loads(done.stdout)["rows"] if row["type"] == "Conv"][-1]
        for done in (nninspect(["summary", "net.onnx", "--json"], tmp_path, path) for path in ([site], []))
    )
    assert (with_rule["status"], with_rule["size"]) == ("exact", [5])
    assert (without["status"], without["via"]) == ("unknown", "com.microsoft.SampleOp")
