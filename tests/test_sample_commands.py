"""The command line tells the truth about every sample model.

What is true comes from torch: from building the model again here and running it with hooks.
"""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from zoo import distinct_elements, executed
from zoo_samples import FOLDER, SAMPLES, build, loaded, state_in

from inspector.core.recipe import Recipe
from inspector.engine.opening import open_live
from inspector.report.documents import keys_document, summary_document

pytestmark = pytest.mark.slow
# With `pytest -n … --dist loadgroup` one process asks all about one sample, and asks it once.
stems = pytest.mark.parametrize(
    "stem", [pytest.param(stem, marks=pytest.mark.xdist_group(stem)) for stem in sorted(SAMPLES)]
)


def nninspect(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; its exit status must be `status`."""
    command = [sys.executable, "-m", "inspector", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, f"exit {done.returncode}: {done.stderr[-2000:]}"
    return done


THROUGH_A_SHELL = {"lenet", "lstm", "random_depth"}
"""Samples that commands are asked about as users ask; of the others the same documents are made in this process."""


@cache
def asked(command: str, stem: str, *options: str) -> dict[str, Any]:
    """What a command prints about a sample with its weights, as JSON."""
    sample = SAMPLES[stem]
    if stem in THROUGH_A_SHELL:
        target = [FOLDER / f"{stem}.py", "--weights", FOLDER / sample.weights]
        return json.loads(nninspect(command, *target, *options, "--json").stdout)
    live = open_live(Recipe(target=str(FOLDER / f"{stem}.py"), weights=str(FOLDER / sample.weights)))
    if command == "keys":
        return json.loads(keys_document(live.explain([])))
    return json.loads(summary_document(live.trace([], lambda *_: None)))


def tensors_for(inputs: list[dict[str, Any]]) -> list[torch.Tensor]:
    """Inputs of the shapes and dtypes that the command names."""
    tensors = []
    for one in inputs:
        dtype = getattr(torch, one["dtype"])
        is_float = dtype.is_floating_point
        tensors.append(torch.randn(one["shape"]) if is_float else torch.zeros(one["shape"], dtype=dtype))
    return tensors


@stems
def test_summary_lists_every_tensor_with_an_expression_that_reaches_it(stem: str) -> None:
    model = loaded(stem)
    tensors = {tensor["key"]: tensor for tensor in asked("summary", stem)["tensors"]}
    for key, value in model.state_dict(keep_vars=True).items():
        assert eval(tensors[key]["expression"], {"model": model}) is value
        assert tensors[key]["shape"] == list(value.shape)
        assert tensors[key]["dtype"] == str(value.dtype).removeprefix("torch.")
        others = [other for other, its in model.state_dict(keep_vars=True).items() if its is value and other != key]
        assert sorted(tensors[key]["tied_to"]) == sorted(others)


@stems
def test_summary_gives_the_output_shapes_of_execution(stem: str) -> None:
    summary = asked("summary", stem)
    assert summary["failure"] is None
    model = loaded(stem)
    execution = executed(model, *tensors_for(summary["inputs"]))
    assert execution.error is None
    rows = [row for row in summary["rows"] if row["kind"] == "module" and row["output_shapes"]]
    shown = {(row["path"], row["call"]): row["output_shapes"] for row in rows}
    happened = execution.rows()
    if stem == "random_depth":
        # How often the middle layer is called is a throw of a die.
        shown = {row: shapes for row, shapes in shown.items() if row[0] != "middle"}
        happened = {row: shapes for row, shapes in happened.items() if row[0] != "middle"}
    assert shown == happened


@stems
def test_summary_totals_are_sums_over_distinct_tensors(stem: str) -> None:
    model, summary = loaded(stem), asked("summary", stem)
    totals = summary["totals"]
    buffers = {id(buffer): buffer for buffer in model.buffers()}.values()
    assert totals["parameters"] == distinct_elements(model) == summary["rows"][0]["parameters"]
    assert totals["trainable_parameters"] == totals["parameters"]
    assert totals["buffers"] == sum(buffer.numel() for buffer in buffers)
    assert totals["buffer_bytes"] == sum(buffer.numel() * buffer.element_size() for buffer in buffers)
    assert totals["parameter_bytes"] == 4 * totals["parameters"]
    assert totals["modules"] == len(list(model.modules()))


@stems
def test_every_weight_in_the_file_finds_its_place(stem: str) -> None:
    load = asked("summary", stem)["load"]
    assert load["matched"] == len(state_in(FOLDER / SAMPLES[stem].weights))
    assert load["coverage"] == 1.0
    assert load["missing"] == load["unexpected"] == load["mismatched"] == []


@stems
def test_keys_explains_every_key(stem: str) -> None:
    model = loaded(stem)
    explained = {entry["key"]: entry for entry in asked("keys", stem)["keys"]}
    for key, value in model.state_dict(keep_vars=True).items():
        entry = explained[key]
        assert ".".join(part["text"] for part in entry["parts"]) == key
        assert all(part["explanation"] for part in entry["parts"])
        assert entry["parts"][-1]["kind"] == ("parameter" if isinstance(value, nn.Parameter) else "buffer")
        assert eval(entry["expression"], {"model": model}) is value


@pytest.mark.parametrize("stem", sorted(THROUGH_A_SHELL))
def test_forward_with_one_seed_is_the_same_in_two_processes(stem: str) -> None:
    first = asked("forward", stem, "--seed", "3")
    second = asked("forward", stem, "--seed=3")
    for run in (first, second):
        for row in run["rows"]:
            row.pop("seconds"), row.pop("self_seconds")
        # Other inputs are looked for as long as that takes no noticeable time.
        for one in run["inputs"]:
            one.pop("alternatives")
        run.pop("seconds", None)
    assert first == second
    assert first["failure"] is None
    assert first["rows"][0]["statistics"]["nan"] == 0


def test_weights_from_data_parallel_fit_the_plain_model_by_one_rule() -> None:
    weights = FOLDER / "parallel_whole.params"
    done = nninspect("summary", FOLDER / "registered_twice.py", "--weights", weights, "--json")
    load = json.loads(done.stdout)["load"]
    assert load["coverage"] == 1.0
    assert [rule["from"] for rule in load["rules"]] == ["module."]


def test_the_onnx_sample_has_the_shapes_of_lenet() -> None:
    summary = json.loads(nninspect("summary", FOLDER / "lenet.onnx", "--json").stdout)
    assert summary["model"]["framework"] == "onnx"
    assert summary["totals"]["parameters"] == distinct_elements(build("lenet"))
    batch = summary["inputs"][0]["shape"][0]
    shapes = [row["output_shapes"] for row in summary["rows"] if row["type"] in ("Conv", "Gemm")]
    assert shapes == [[[batch, *rest]] for rest in ([6, 28, 28], [16, 10, 10], [120], [84], [10])]


REFUSED = {
    "fails_to_construct": ["groups"],
    "needs_arguments": ["inputs", "outputs", "--args"],
    "two_candidates": ["two_candidates.py:Teacher", "two_candidates.py:Student"],
    "fails_to_import": ["a_package_that_does_not_exist"],
}


@pytest.mark.parametrize("stem", sorted(REFUSED))
def test_a_model_that_cannot_be_opened_is_refused_in_words(stem: str) -> None:
    done = nninspect("summary", FOLDER / "broken" / f"{stem}.py", status=2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in REFUSED[stem]:
        assert word in done.stderr


ENDED = {
    "exits_hard": "exit status 7",
    "exits_in_forward": "sys.exit(7)",
    "exits_on_import": "sys.exit(0)",
    "killed": "SIGKILL",
    "segfaults": "SIGSEGV",
}


@pytest.mark.parametrize("stem", sorted(ENDED))
def test_a_model_that_ends_its_process_ends_only_that(stem: str) -> None:
    done = nninspect("forward", FOLDER / "broken" / f"{stem}.py", "--input", "1x4", status=3)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert ENDED[stem] in done.stderr


def test_a_forward_that_fails_says_where() -> None:
    done = nninspect(
        "summary", FOLDER / "broken" / "linear_does_not_fit.py", "--input", "1x3x16x16", "--json", status=1
    )
    summary = json.loads(done.stdout)
    assert summary["failure"]["path"] == "fc"
    assert summary["failure"]["input_shapes"] == [[1, 512]]
    assert "self.fc(x.flatten(1))" in summary["failure"]["source"]["text"]
    assert [row["output_shapes"] for row in summary["rows"] if row["path"] == "conv"] == [[[1, 8, 16, 16]]]


def test_what_a_model_prints_stays_out_of_the_data() -> None:
    target = FOLDER / "broken" / "prints_a_lot.py"
    done = nninspect("summary", target, "--args", "lines=3000", "--input", "1x4", "--json")
    assert json.loads(done.stdout)["outputs"][0]["shape"] == [1, 2]


def test_the_commands_named_in_the_broken_ones_work() -> None:
    broken = FOLDER / "broken"
    arguments = ["--args", "inputs=4, outputs=2", "--input", "1x4"]
    given = json.loads(nninspect("summary", broken / "needs_arguments.py", *arguments, "--json").stdout)
    named = json.loads(nninspect("summary", f"{broken / 'two_candidates.py'}:Student", "--json").stdout)
    assert given["totals"]["parameters"] == 4 * 2 + 2
    assert named["totals"]["parameters"] == 8 * 4 + 4 + 4 * 2 + 2
