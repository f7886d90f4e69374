"""How long a forward pass with the statistics of every node takes, against a bare run with all outputs marked.

    python benchmarks/onnx.py [--repeats 9]

Both in one process, in turn, so that a slow moment of the machine falls on both alike; warm medians. Both make a
session with optimisations off, as without that there is no value to each node. The goal: at most 1.3 of the bare run.
The exit status is 1 where it is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# This file is named like the package that it measures.
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402

from inspector.core.forward_settings import ForwardSettings  # noqa: E402
from inspector.core.recipe import InputSpec, Recipe  # noqa: E402
from inspector.engine.onnx_model import open_onnx  # noqa: E402
from inspector.engine.opening import open_live  # noqa: E402

GOAL = 1.3


def main() -> int:
    parser = argparse.ArgumentParser(description="Time of forward with all statistics, against a bare run.")
    parser.add_argument("--repeats", type=int, default=9, help="rounds that count; one more warms the caches")
    repeats = parser.parse_args().repeats
    open_live(Recipe(target="torchvision.models:alexnet"))  # imports torchvision, also where operators are missing
    from torchvision import models

    image = torch.randn(1, 3, 224, 224)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("resnet50", "vit_b_16", "mobilenet_v3_large"):
            path = str(Path(folder) / f"{name}.onnx")
            exported(getattr(models, name)(weights=None).eval(), image, path)
            ways = ways_to_run(path, image)
            rounds = [{way: seconds(run) for way, run in ways.items()} for _ in range(repeats + 1)][1:]
            medians = {way: statistics.median(one[way] for one in rounds) for way in ways}
            ratio = medians["nninspect"] / medians["bare"]
            milliseconds = {way: f"{median * 1e3:.0f} ms" for way, median in medians.items()}
            print(f"{name}: bare {milliseconds['bare']}, nninspect {milliseconds['nninspect']}: {ratio:.2f}")
            missed.append(ratio > GOAL)
    return int(any(missed))


def exported(model: torch.nn.Module, image: torch.Tensor, path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (image,), path, dynamo=False, input_names=["x"])


def ways_to_run(path: str, image: torch.Tensor) -> dict[str, Callable[[], object]]:
    marked = onnx.load(path)
    names = dict.fromkeys(name for node in marked.graph.node for name in node.output if name)
    del marked.graph.output[:]
    marked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    serialised = marked.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    live = open_onnx(Recipe(target=path))
    given = [InputSpec(name="x", shape=list(image.shape))]
    live.trace(given, lambda done, total, what: None)

    def bare() -> object:
        session = onnxruntime.InferenceSession(serialised, options, providers=["CPUExecutionProvider"])
        return session.run(None, {"x": image.numpy()})

    return {"bare": bare, "nninspect": lambda: live.forward(ForwardSettings(), lambda done, total, what: None)}


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
