"""A process killed at any moment while it saves a model and its data leaves the old pair, the new one, or no model."""

import json
import subprocess
import sys

import pytest

KILLS = 40
WRITER = """
import json, os, signal, sys
from pathlib import Path
import numpy, onnx
from onnx import helper, numpy_helper
from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx

folder, old, kills = Path(sys.argv[1]), sys.argv[2] == "old", int(sys.argv[3])
target = folder / "net.onnx"

def model_of(number):
    weight = numpy_helper.from_array(numpy.full((64, 64), number, numpy.float32), "w")
    x, y = (helper.make_tensor_value_info(name, 1, [1, 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

onnx.save(model_of(2), folder / "source.onnx")
live = open_onnx(Recipe(target=str(folder / "source.onnx")))
calls = 0

def save(die_at):
    def count(frame, event, what):
        global calls
        calls += event in ("call", "c_call")
        if calls == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
    global calls
    calls = 0
    sys.setprofile(count)
    try:
        live.save(str(target), overwrite=True, external_data=True)
    finally:
        sys.setprofile(None)

def state():
    if not target.exists():
        return "absent"
    # Anything that cannot be read, or whose weights are not whole, is an error.
    onnx.checker.check_model(str(target), full_check=True)
    (weight,) = onnx.load(str(target)).graph.initializer
    (number,) = set(numpy_helper.to_array(weight).flatten().tolist())
    return {1.0: "old", 2.0: "complete"}[number]

def prepare():
    for path in folder.iterdir():
        if path.name != "source.onnx":
            path.unlink()
    if old:
        onnx.save(model_of(1), target, save_as_external_data=True, location="net.onnx.data", size_threshold=0)

for _ in range(2):  # the second time all is imported, as it is for the forks
    prepare()
    save(die_at=-1)
total = calls
found = {"absent": 0, "old": 0, "complete": 0, "killed": 0}
for kill in range(kills):
    prepare()
    if (child := os.fork()) == 0:
        save(die_at=1 + kill * (total - 1) // (kills - 1))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found["killed"] += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    found[state()] += 1
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["absent", "old"])
def test_a_model_and_its_data_are_never_half_written(before, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path), before, str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["killed"] == found[before] + found["complete"] == KILLS
    assert found[before] > 0
    assert found["complete"] > 0
