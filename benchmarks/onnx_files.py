"""How soon, and with how much memory, large ONNX files are summarised and run.

    python benchmarks/onnx_files.py [--repeats 5]

Two models of 64 and 24 square layers are written with holes in place of their weights, so they take no room on disk:

* external: 4 GB of weights beside the model. `summary --json` against a bare
  ``python -c "import onnx; onnx.load(…, load_external_data=False)"``, one after the other in each round, and beyond a
  bare start of the interpreter. Goals: under 1 s, under 150 MB in all its processes.
* inline: 1.5 GB of weights in the model itself. Peak memory of `summary` and of `forward`, against the file's size.
  Goals: 0.2 and 1.4 copies.

The exit status is 1 where a goal is missed. Linux only: memory is read from /proc.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Beside this file there is one that is named like the package.
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != ROOT / "benchmarks"]

from onnx import ModelProto, TensorProto, helper  # noqa: E402

WIDTH = 4096
LAYER_BYTES = WIDTH * WIDTH * 4
SECONDS, MEGABYTES = 1.0, 150.0
COPIES = {"summary": 0.2, "forward": 1.4}


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and memory that large ONNX files take.")
    parser.add_argument("--repeats", type=int, default=5, help="rounds that count; one more warms the disk cache")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        missed = external(Path(folder), repeats) | inline(Path(folder))
    return int(missed)


def external(folder: Path, repeats: int) -> bool:
    model = layers(64, "w.data")
    path = folder / "external.onnx"
    path.write_bytes(model.SerializeToString())
    with (folder / "w.data").open("wb") as file:
        file.truncate(64 * LAYER_BYTES)
    bare = ["-c", f"import onnx; onnx.load({str(path)!r}, load_external_data=False)"]
    own = ["-m", "inspector", "summary", str(path), "--json"]
    rounds = [(timed(["-c", "pass"]), timed(bare), timed(own)) for _ in range(repeats + 1)][1:]
    ratio = statistics.median(took / loaded for _, loaded, took in rounds)
    beyond = statistics.median(took - started for started, _, took in rounds)
    megabytes = peak(own) / 1e6
    print(f"summary, 4 GB external: {beyond:.2f} s beyond the start of Python, goal {SECONDS} s")
    print(f"summary / bare onnx.load: median {ratio:.2f}")
    print(f"summary, 4 GB external: {megabytes:.0f} MB in all processes, goal {MEGABYTES:.0f} MB")
    return beyond > SECONDS or megabytes > MEGABYTES


def inline(folder: Path) -> bool:
    path = folder / "inline.onnx"
    write_inline(path, 24)
    missed = False
    for command, goal in COPIES.items():
        copies = peak(["-m", "inspector", command, str(path), "--json"]) / path.stat().st_size
        print(f"{command}, 1.5 GB inline: {copies:.2f} copies of the file in memory at most, goal {goal}")
        missed = missed or copies > goal
    return missed


def layers(count: int, location: str) -> ModelProto:
    nodes, weights = [], []
    for number in range(count):
        name = f"layers.{number}.weight"
        before = f"a{number - 1}" if number else "x"
        scope = f"/layers/layers.{number}"
        nodes.append(helper.make_node("MatMul", [before, name], [f"m{number}"], name=f"{scope}/MatMul"))
        nodes.append(helper.make_node("Relu", [f"m{number}"], [f"a{number}"], name=f"{scope}/act/Relu"))
        weight = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[WIDTH, WIDTH])
        if location:
            weight.data_location = TensorProto.EXTERNAL
            places = {"location": location, "offset": number * LAYER_BYTES, "length": LAYER_BYTES}
            for key, value in places.items():
                weight.external_data.add(key=key, value=str(value))
        weights.append(weight)
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, ["batch", WIDTH])]
    outputs = [value(f"a{count - 1}", TensorProto.FLOAT, ["batch", WIDTH])]
    graph = helper.make_graph(nodes, "layers", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_inline(path: Path, count: int) -> None:
    """The model with holes for its weights: what protocol buffers write, field by field."""
    from inspector.engine.onnx_model.content import GRAPH, INITIALIZER, RAW_DATA
    from inspector.engine.onnx_model.wire import head

    model = layers(count, "")
    declared = [weight.SerializeToString() + head(RAW_DATA, LAYER_BYTES) for weight in model.graph.initializer]
    del model.graph.initializer[:]
    nodes = model.graph.SerializeToString()
    model.ClearField("graph")
    sizes = [len(start) + LAYER_BYTES for start in declared]
    whole = len(nodes) + sum(len(head(INITIALIZER, size)) + size for size in sizes)
    with path.open("wb") as file:
        file.write(model.SerializeToString() + head(GRAPH, whole) + nodes)
        for start, size in zip(declared, sizes, strict=True):
            file.write(head(INITIALIZER, size) + start)
            file.seek(LAYER_BYTES, 1)
        file.truncate()


def timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def peak(arguments: list[str]) -> int:
    """Bytes that a program and its children held at most, each process's peak added up."""
    program = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE)
    reading = threading.Thread(target=program.communicate)
    reading.start()
    peaks: dict[int, int] = {}
    while reading.is_alive():
        for process in family(program.pid):
            with contextlib.suppress(OSError, StopIteration):
                status = Path(f"/proc/{process}/status").read_text().splitlines()
                peaks[process] = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024
        time.sleep(0.005)
    if program.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return sum(peaks.values())


def family(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [process, *(other for child in children for other in family(int(child)))]


if __name__ == "__main__":
    sys.exit(main())
