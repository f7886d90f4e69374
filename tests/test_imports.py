"""Start-up is guarded by what gets imported: a fresh interpreter for every entry point."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "torchvision", "onnx", "onnxruntime", "numpy", "textual", "rich", "click", "safetensors"]

ALLOWED = {
    "import inspector": set(),
    "import inspector; dir(inspector); inspector.RequestError": set(),
    "import inspector; inspector.summary, inspector.check, inspector.trace, inspector.explore": set(),
    "import inspector.testing": set(),
    "import inspector.pytest_plugin": set(),
    "import inspector.worker.live_client": set(),
    "import inspector.core.extensions, inspector.files.added_formats, inspector.core.field_rules.added": set(),
    "import inspector.core.table, inspector.core.recipe, inspector.core.results, inspector.core.script": set(),
    "import inspector.core.fields, inspector.core.geometry, inspector.core.initialisers": set(),
    "import inspector.files": set(),
    "import inspector.worker.process_client, inspector.worker.opening": set(),
    "import inspector.worker.file_client": set(),
    "import inspector.worker.child": set(),
    "import inspector.cli.main": {"click"},
    "import inspector.cli.summary, inspector.cli.forward, inspector.cli.keys, inspector.cli.init": {"click"},
    "import inspector.cli.open, inspector.cli.screenshot": {"click"},
    "import inspector.cli.step, inspector.cli.ablate": {"click"},
    "import inspector.report.documents": set(),
    "import inspector.report.text, inspector.report.html": {"rich"},
    "import inspector.cli.config": {"click"},
    "import inspector.tui.app, inspector.tui.screenshot": {"textual", "rich"},
    "from inspector.cli.main import run; run(['--version'])": {"click"},
    "from inspector.cli.main import run; run(['--help'])": {"click"},
    "from inspector.cli.main import run; run(['completion', 'bash'])": {"click"},
    "import inspector.cli.serve": {"click"},
}


@pytest.mark.parametrize("statement", ALLOWED)
def test_entry_point_imports_nothing_heavy(statement):
    code = f"import sys\n{statement}\nprint()\nimport json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1])) <= ALLOWED[statement]


def test_version_imports_few_modules():
    code = "import sys\nfrom inspector.cli.main import run\nrun(['--version'])\nprint(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, click; print(len(sys.modules))"], capture_output=True, text=True
    )
    assert int(done.stdout.splitlines()[-1]) < int(bare.stdout) + 100


def test_a_file_of_weights_is_summarised_without_torch(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    import torch

    file = tmp_path / "some.safetensors"
    safetensors.save_file({"fc.weight": torch.ones(2, 3)}, file)
    code = (
        "import sys\nfrom inspector.cli.main import run\n"
        f"assert run(['summary', '--json', {str(file)!r}]) == 0\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tensors"][0]["shape"] == [2, 3]
    code = f"import sys, inspector; inspector.summary({str(file)!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_large_onnx_file_is_summarised_without_torch_and_without_onnxruntime(tmp_path):
    from onnx import TensorProto, helper

    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10_000, 10_000])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.data")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    declared = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 10_000]) for name in "xy"]
    graph = helper.make_graph([node], "net", declared[:1], declared[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with (tmp_path / "w.data").open("wb") as file:
        file.truncate(4 * 10_000 * 10_000)
    code = (
        "import sys\nfrom inspector.core.recipe import Recipe\nfrom inspector.engine.opening import open_live\n"
        f"table = open_live(Recipe(target={str(tmp_path / 'net.onnx')!r})).trace([], lambda *_: None)\n"
        "assert table.outputs[0].shape == [1, 10_000] and table.totals.parameters == 10**8\n"
        "print([name for name in ('torch', 'onnxruntime', 'onnx.reference') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_small_model_is_traced_without_the_compiler_and_without_sympy():
    code = (
        "import sys\nfrom inspector.core.recipe import Recipe\nfrom inspector.engine.opening import open_live\n"
        "table = open_live(Recipe(target='sample_models/lenet.py')).trace([], lambda *_: None)\n"
        "assert table.totals.flops\n"
        "print([name for name in ('sympy', 'torch._dynamo', 'torch._inductor') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
