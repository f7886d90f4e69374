"""The installed command, called as scripts call it: what opens, what is refused, and with which exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from at_hand import called
from torch import nn

from inspector.engine.pytorch import torchvision_operators

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.fc = nn.Linear(3, width)

    def forward(self, x):
        return self.fc(x)

def wide(width: int = 9) -> Net:
    return Net(width)

prepared = Net(6)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a model of one's own and weights that fit it, partly and not at all."""
    (tmp_path / "m.py").write_text(NET.replace("prepared = Net(6)", ""))
    (tmp_path / "many.py").write_text(NET)
    (tmp_path / "needs.py").write_text(NET.replace(": int = 4", "").replace("prepared = Net(6)", ""))
    (tmp_path / "two.py").write_text("from torch import nn\nclass A(nn.Linear): ...\nclass B(nn.Bilinear): ...")
    torch.save({"fc.weight": torch.ones(4, 3), "fc.bias": torch.zeros(4)}, tmp_path / "fits.pt")
    torch.save({"fc.weight": torch.ones(5, 3), "fc.bias": torch.zeros(4), "head": torch.ones(1)}, tmp_path / "part.pt")
    torch.save(
        {"state_dict": {"module.fc.weight": torch.ones(4, 3), "module.fc.bias": torch.zeros(4)}}, tmp_path / "ddp"
    )
    torch.save(torch.ones(4, 3), tmp_path / "tensor.pt")
    (tmp_path / "page.pt").write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    (tmp_path / "empty.pt").write_bytes(b"")
    return tmp_path


def nninspect(
    folder: Path, *arguments: str, status: int = 0, in_a_shell: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`; its exit status must be `status`, and nothing it says may be a traceback."""
    done = called(*arguments, cwd=folder, in_a_shell=in_a_shell)
    assert done.returncode == status, f"exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    return done


def document(folder: Path, *arguments: str, status: int = 0, in_a_shell: bool = False) -> dict[str, Any]:
    """The JSON document that the command prints."""
    return json.loads(nninspect(folder, *arguments, "--json", status=status, in_a_shell=in_a_shell).stdout)


@pytest.mark.parametrize(
    ("target", "options", "parameters"),
    [
        ("m.py", [], 3 * 4 + 4),
        ("m.py:Net", ["--args", "width=5"], 3 * 5 + 5),
        ("m.py:wide", [], 3 * 9 + 9),
        ("many.py:prepared", [], 3 * 6 + 6),
        ("torch.nn:Linear", ["--args", "3, 2, bias=False"], 3 * 2),
        ("m:Net", [], 3 * 4 + 4),
    ],
)
def test_every_form_of_target_opens(folder: Path, target: str, options: list[str], parameters: int) -> None:
    summary = document(folder, "summary", target, *options, in_a_shell=target == "m.py")
    assert summary["totals"]["parameters"] == parameters
    assert summary["model"]["target"] == target
    assert summary["failure"] is None


def test_memory_is_told_for_a_batch_a_dtype_and_an_optimizer(folder: Path) -> None:
    options = ["--input", "2x3", "--memory", "--batch", "7", "--dtype", "bf16", "--optimizer", "sgd", "--fits", "1MB"]
    summary = document(folder, "summary", "m.py", *options)
    memory = summary["memory"]
    assert [one["shape"] for one in memory["inputs"]] == [[7, 3]]
    assert (memory["dtype"], memory["optimizer"], memory["batch"]) == ("bfloat16", "sgd", 7)
    assert len(memory["rows"]) == len(summary["rows"])
    parameters = summary["totals"]["parameters"]
    assert memory["parameter_bytes"] == memory["gradient_bytes"] == memory["optimizer_bytes"] == 2 * parameters
    assert memory["rows"][0] == {"output_bytes": 7 * 4 * 2, "saved_bytes": 0}
    assert memory["inference"]["bytes"] == 2 * (parameters + 7 * 3 + 7 * 4)
    per_sample = 2 * (3 + 4)
    assert memory["fitting"]["inference"] == (10**6 - 2 * parameters) // per_sample
    text = nninspect(folder, "summary", "m.py", *options).stdout
    for words in ("memory for x 7×3, bfloat16, SGD with momentum", "peak in training", "kept for backward", "977 KiB"):
        assert words in text


def test_torchvision_opens_without_its_compiled_operators(folder: Path) -> None:
    torchvision_operators.install()
    from torchvision.models import squeezenet1_1

    model = squeezenet1_1(num_classes=7).eval()
    summary = document(
        folder, "summary", "torchvision.models:squeezenet1_1", "--args", "num_classes=7", in_a_shell=True
    )
    assert summary["totals"]["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    given = torch.zeros(summary["inputs"][0]["shape"])
    assert summary["outputs"][0]["shape"] == list(model(given).shape)


def test_a_file_named_like_a_command_is_opened_by_open(folder: Path) -> None:
    (folder / "keys").mkdir()
    (folder / "keys" / "__init__.py").write_text(NET)
    assert document(folder, "open", "keys:Net")["model"]["name"] == "Net"


REFUSED = {
    "no such file": (["summary", "nothing.py"], ["nothing.py"]),
    "no such name": (["summary", "m.py:Nett"], ["Nett", "Net"]),
    "several candidates": (["summary", "many.py:Ne"], ["did you mean Net"]),
    "input": (["summary", "m.py", "--input", "1xx3"], ["1xx3", "1x3x224x224"]),
    "arguments do not parse": (["summary", "m.py", "--args", "width=f("], ["--args"]),
    "arguments do not fit": (["summary", "m.py", "--args", "widht=3"], ["width: int = 4"]),
    "an argument that is missing": (
        ["init", "needs.py:Net", "--rule", "*=zeros_", "-o", "o.pt"],
        ["Net(width)", "\n  nninspect init needs.py:Net --rule '*=zeros_' -o o.pt --args 'width=…'\n"],
    ),
    "an argument that there is not": (
        ["keys", "needs.py:Net", "--args", "wide=3", "--json"],
        ["no argument wide", "Net(width)", "\n  nninspect keys needs.py:Net --json --args 'width=…'\n"],
    ),
    "several models": (
        ["summary", "two.py", "--seed=3", "--args=5"],
        ["\n  nninspect summary two.py:A --seed=3 --args '5, out_features=…'\n"],
    ),
    "device": (["summary", "m.py", "--device", "cuda:77"], ["cuda:77", "cpu"]),
    "an input of another name": (["summary", "m.py", "--input", "X=2x7"], ["'X'", "takes x"]),
    "a part that is no attribute": (["summary", "m.py", "--input", "x.class=2x3"], ["x.class", "'class'"]),
    "parts of two kinds": (
        ["forward", "m.py", "--input", "x[0]=1x3", "--input", "x.a=1x3"],
        ["x[0] makes x a list"],
    ),
    "a folder for an input": (["forward", "m.py", "--input", "@."], ["@. is a folder"]),
    "a name too long for the system": (["summary", "m" * 5000 + ".py"], ["5,003 characters", "too long"]),
    "too many positional arguments": (
        ["summary", "needs.py:Net", "--args", "1, 2"],
        ["too many positional arguments", "Net(width)", "leave some out"],
    ),
    "a picture of nothing": (["screenshot", "nothing.py", "-o", "o.svg"], ["nothing.py", "no such file"]),
    "a page for an input": (["forward", "m.py", "--input", "@page.pt"], ["--input @", "page.pt", "HTML"]),
    "weights for an input": (
        ["forward", "m.py", "--input", "@fits.pt"],
        ["--input @", "fits.pt holds 2 tensors by name"],
    ),
    "a model without forward": (["forward", "torch.nn:ModuleList"], ["ModuleList defines no forward"]),
    "a module for a tensor": (["init", "m.py", "--rule", "fc=zeros_", "-o", "o.pt"], ["'fc' is a module", "fc.*"]),
    "key": (["keys", "m.py", "fc.wieght"], ["fc.wieght", "fc.weight"]),
    "initialiser": (["init", "m.py", "--rule", "*=zeroz_", "-o", "o.pt"], ["zeroz_", "zeros_"]),
    "pattern": (["init", "m.py", "--rule", "conv=zeros_", "-o", "o.pt"], ["conv", "fc.weight"]),
    "a page for weights": (["summary", "m.py", "--weights", "page.pt"], ["page.pt", "HTML"]),
    "nothing for weights": (["summary", "m.py", "--weights", "empty.pt"], ["empty.pt", "empty"]),
    "a single tensor for weights": (["summary", "m.py", "--weights", "tensor.pt"], ["tensor.pt", "single tensor"]),
    "a folder of weights that is not there": (["summary", "m.py", "--weights", "none/w.pt"], ["none/w.pt"]),
    "no such command": (["sumary", "m.py"], ["nninspect summary"]),
    "no target": (["summary"], ["TARGET"]),
    "a seed that torch does not take": (["forward", "m.py", "--seed", str(2**64)], ["--seed", str(2**64)]),
    "a seed that is no integer": (["summary", "m.py", "--seed", "1.5"], ["--seed", "1.5"]),
    "an axis that no tensor has": (["summary", "m.py", "--input", f"{2**64}x3"], [str(2**64)]),
    "a range without end": (["summary", "m.py", "--input", "1x3~range(0,inf)"], ["range(0,inf)"]),
    "a batch without memory": (["summary", "m.py", "--batch", "3"], ["--batch", "--memory"]),
    "a size that is none": (["summary", "m.py", "--memory", "--fits", "much"], ["'much'", "24GiB"]),
    "a batch of nothing": (["summary", "m.py", "--memory", "--batch", "0"], ["--batch"]),
    "memory of an input that is no input": (
        ["summary", "m.py", "--memory", "--input", "1x3", "--dtype", "int8"],
        ["int8"],
    ),
    "no such option": (["summary", "m.py", "--batches", "3"], ["--batches"]),
}


THROUGH_A_SHELL = {"no such file", "several models", "device", "a picture of nothing", "no such command", "no target"}
"""Refusals that are asked for as users do; the others come from a server in this process."""


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_message(folder: Path, reason: str) -> None:
    arguments, words = REFUSED[reason]
    before = sorted(folder.iterdir())
    done = called(*arguments, cwd=folder, in_a_shell=reason in THROUGH_A_SHELL)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert [path for path in sorted(folder.iterdir()) if path.name != "__pycache__"] == before


def test_keys_are_those_of_the_state_dict_and_what_is_asked_for(folder: Path) -> None:
    registering = "super().__init__(); self.register_buffer('scratch', torch.ones(2), persistent=False)"
    (folder / "kept.py").write_text((folder / "m.py").read_text().replace("super().__init__()", registering))
    listed = document(folder, "keys", "kept.py")["keys"]
    assert [(key["key"], key["persistent"]) for key in listed] == [("fc.weight", True), ("fc.bias", True)]
    asked = document(folder, "keys", "kept.py", "scratch", "fc.bias")["keys"]
    assert [(key["key"], key["persistent"]) for key in asked] == [("scratch", False), ("fc.bias", True)]
    assert "scratch" in nninspect(folder, "keys", "kept.py").stdout
    tensors = document(folder, "summary", "kept.py")["tensors"]
    assert {tensor["key"]: tensor["persistent"] for tensor in tensors}["scratch"] is False


def test_weights_that_do_not_fit_are_something_to_see(folder: Path) -> None:
    load = document(folder, "summary", "m.py", "--weights", "part.pt", status=1)["load"]
    assert load["matched"] == 1
    assert load["unexpected"] == ["head"]
    assert load["mismatched"] == [{"key": "fc.weight", "file_shape": [5, 3], "model_shape": [4, 3]}]
    assert load["coverage"] == 4 / 16


def test_weights_in_a_container_and_a_wrapper_fit_by_rules_that_are_named(folder: Path) -> None:
    summary = document(folder, "summary", "m.py", "--weights", "ddp")
    assert summary["load"]["coverage"] == 1.0
    assert [rule["from"] for rule in summary["load"]["rules"]] == ["state_dict", "module."]


def test_init_writes_what_it_says_and_asks_before_it_overwrites(folder: Path) -> None:
    rules = ["--rule", "*.weight=constant_(val=0.5)", "--rule", "*.bias=zeros_"]
    nninspect(folder, "init", "m.py", *rules, "-o", "new.pt")
    state = torch.load(folder / "new.pt", weights_only=True)
    assert torch.equal(state["fc.weight"], torch.full((4, 3), 0.5))
    assert torch.equal(state["fc.bias"], torch.zeros(4))
    bytes_before = (folder / "new.pt").read_bytes()
    refused = nninspect(folder, "init", "m.py", "--rule", "*=ones_", "-o", "new.pt", status=2)
    assert "--overwrite" in refused.stderr
    assert (folder / "new.pt").read_bytes() == bytes_before
    nninspect(folder, "init", "m.py", "--rule", "*.weight=ones_", "-o", "new.pt", "--overwrite")
    assert torch.equal(torch.load(folder / "new.pt", weights_only=True)["fc.weight"], torch.ones(4, 3))


def test_init_puts_an_onnx_models_weights_beside_it_where_asked(folder: Path, sample: Callable[[str], Path]) -> None:
    rule = ["--rule", "conv1.weight=ones_", "--external-data"]
    written = document(folder, "init", str(sample("lenet.onnx")), *rule, "-o", "new.onnx")
    assert [Path(name).name for name in written["files"]] == ["new.onnx", "new.onnx.data"]
    assert written["bytes"] == sum((folder / name).stat().st_size for name in ("new.onnx", "new.onnx.data"))
    assert (folder / "new.onnx").stat().st_size < (folder / "new.onnx.data").stat().st_size / 5
    refused = nninspect(folder, "init", "m.py", "--rule", "*=ones_", "--external-data", "-o", "new.pt", status=2)
    assert "for ONNX models" in refused.stderr


@pytest.mark.parametrize("seed", [5, -1, -(2**63), 2**64 - 1])
def test_init_with_one_seed_is_torch_with_that_seed(folder: Path, seed: int) -> None:
    rules = ["--rule", "fc.weight=kaiming_normal_(mode=fan_out)", "--rule", "fc.bias=ones_"]
    nninspect(folder, "init", "m.py", *rules, "--seed", str(seed), "-o", "s.pt")
    expected = torch.empty(4, 3)
    torch.manual_seed(seed)
    nn.init.kaiming_normal_(expected, mode="fan_out")
    assert torch.equal(torch.load(folder / "s.pt", weights_only=True)["fc.weight"], expected)


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    done = subprocess.run(
        f"'{COMMAND}' keys torch.nn:TransformerEncoderLayer --args '8, 2' | head -n 1",
        shell=True, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize("form", ["", "--json"])
@pytest.mark.parametrize(("onto", "status", "words"), [
    ("| head -c 1", 0, ""), (">&-", 2, "standard output is closed"), ("> /dev/full", 2, "cannot be written"),
])  # fmt: skip
def test_output_that_goes_nowhere_is_no_traceback(folder: Path, form: str, onto: str, status: int, words: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"'{COMMAND}' summary m.py {form} {onto}"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == status
    assert words in done.stderr
    assert done.stderr.count("\n") == (1 if words else 0)


def test_a_terminal_without_the_characters_shows_question_marks(folder: Path) -> None:
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([COMMAND, "summary", "m.py"], cwd=folder, env=plain, capture_output=True, timeout=120)
    assert done.returncode == 0
    assert b"1?4" in done.stdout


def test_an_interrupt_ends_command_and_worker(folder: Path) -> None:
    mark = folder / "worker.pid"
    (folder / "slow.py").write_text(
        "import os, time\nfrom torch import nn\n"
        f"open({str(mark)!r}, 'w').write(str(os.getpid()))\n"
        "while True:\n    time.sleep(0.05)\n"
    )
    process = subprocess.Popen(
        [COMMAND, "summary", "slow.py"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that a shell started in the background has interrupts ignored, also in what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    worker = int(mark.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "Traceback" not in process.stderr.read()
    while time.monotonic() < deadline:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_what_a_model_prints_stays_out_of_the_document(folder: Path) -> None:
    (folder / "loud.py").write_text(
        NET.replace(
            "prepared = Net(6)", "import os, sys\nprint('out')\nos.write(1, b'raw\\n')\nos.system('echo child')"
        ).replace("return self.fc(x)", "print('in forward'); return self.fc(x)")
    )
    done = nninspect(folder, "forward", "loud.py", "--json", in_a_shell=True)
    assert json.loads(done.stdout)["outputs"][0]["shape"] == [1, 4]
    for word in ("out", "raw", "child", "in forward"):
        assert word in done.stderr


def test_a_models_folder_is_left_as_it_was(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for command in ("summary", "forward", "keys"):
        nninspect(folder, command, "m.py", "--weights", "fits.pt")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_init_preview_shows_prediction_and_measurement_and_writes_nothing(folder: Path) -> None:
    rules = ["--rule", "fc.weight=normal_(std=0.5)", "--rule", "fc.bias=constant_(2)", "--preview"]
    before = sorted(path.name for path in folder.iterdir())
    weight, bias = (one["targets"][0] for one in document(folder, "init", "m.py", *rules)["preview"])
    assert weight["forward"] == pytest.approx(3**0.5 * 0.5, rel=0.5)
    assert weight["scale_after"]["forward"] == pytest.approx(weight["forward"], rel=0.3)
    assert bias["scale_before"]["output_std"] == pytest.approx(weight["scale_after"]["output_std"])
    text = nninspect(folder, "init", "m.py", *rules).stdout
    assert "fc.weight" in text
    assert "predicted" in text
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == before
    assert "--preview" in nninspect(folder, "init", "m.py", *rules[:2], status=2).stderr


def test_saved_edits_are_made_again_to_the_same_bits(folder: Path) -> None:
    rules = ["--rule", "fc.weight=orthogonal_", "--rule", "fc.bias=uniform_"]
    nninspect(folder, "init", "m.py", *rules, "--seed", "3", "-o", "first.pt", "--save-edits", "edits.json")
    nninspect(folder, "init", "m.py", "--edits", "edits.json", "--rule", "fc.bias=ones_", "-o", "second.pt")
    first, second = (torch.load(folder / name, weights_only=True) for name in ("first.pt", "second.pt"))
    assert torch.equal(first["fc.weight"], second["fc.weight"])
    assert torch.equal(second["fc.bias"], torch.ones(4))
    assert "journal" in nninspect(folder, "summary", "m.py", "--edits", "m.py", status=2).stderr
    assert (
        "not a model for --edits" in nninspect(folder, "summary", "first.pt", "--edits", "edits.json", status=2).stderr
    )


def test_what_lies_on_meta_is_given_values_before_the_rules(folder: Path) -> None:
    made = "import torch\nfrom m import Net\ndef net():\n    with torch.device('meta'):\n        return Net()\n"
    (folder / "meta.py").write_text(made)
    document_ = document(folder, "init", "meta.py:net", "--materialise", "--rule", "*.bias=ones_", "-o", "made.pt")
    assert document_["materialised"]["device"] == "cpu"
    assert [rule["pattern"] for rule in document_["rules"]] == ["*.bias"]
    state = torch.load(folder / "made.pt", weights_only=True)
    assert all(value.isfinite().all() for value in state.values())
    assert "--materialise" in nninspect(folder, "summary", "meta.py:net", "--device", "cpu", status=2).stderr
    assert "no tensors on meta" in nninspect(folder, "init", "m.py", "--materialise", "-o", "x.pt", status=2).stderr
    assert "Missing option '--rule'" in nninspect(folder, "init", "m.py", "-o", "x.pt", status=2).stderr
