"""What a forward pass with the statistics of every row costs, against a bare run of the model.

    python benchmarks/forward.py [--repeats 7]

    pip install torchlens      # measured where it is there

Time: both in one process, in turn, so that a slow moment of the machine falls on both alike; warm medians. Memory: the
peak of a process of its own for each, in which the model has been opened and run once before. torchlens, which logs
the activations of every operation, runs in turn with them where it is installed. The goals: at most 1.3 of the time
and 1.1 of the memory. The exit status is 1 where one is missed.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.opening import open_live
from inspector.engine.pytorch.model import TorchModel

TIME_GOAL = 1.3
MEMORY_GOAL = 1.1
TRANSFORMER = """from torch import nn

layer = nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True, norm_first=True, activation="gelu")
model = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False).eval()
"""
SHAPES = {"resnet50": [8, 3, 224, 224], "transformer": [8, 128, 768]}
Run = Callable[[], object]


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and memory of forward with all statistics, against a bare run.")
    parser.add_argument("--repeats", type=int, default=7, help="rounds that count; one more warms the caches")
    parser.add_argument("--peak", nargs=2, metavar=("MODEL", "WAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(peak_of(*arguments.peak))
        return 0
    missed = [told(name, arguments.repeats) for name in SHAPES]
    return int(any(missed))


def told(name: str, repeats: int) -> bool:
    """Print the ratios of one model; True where a goal is missed."""
    ways = ways_to_run(name)
    rounds = [{way: seconds(run) for way, run in ways.items()} for _ in range(repeats + 1)][1:]
    medians = {way: statistics.median(one[way] for one in rounds) for way in ways}
    ratio = medians["nninspect"] / medians["bare"]
    others = f", torchlens {medians['torchlens'] / medians['bare']:.2f}" if "torchlens" in ways else ""
    print(f"{name}: bare {medians['bare'] * 1e3:.0f} ms; time: nninspect {ratio:.2f}{others}", end="; ", flush=True)
    peaks = {way: measured_peak(name, way) for way in ways}
    memory = peaks["nninspect"] / peaks["bare"]
    others = f", torchlens {peaks['torchlens'] / peaks['bare']:.2f}" if "torchlens" in ways else ""
    print(f"memory: bare {peaks['bare'] / 1e6:.0f} MB; nninspect {memory:.2f}{others}")
    return ratio > TIME_GOAL or memory > MEMORY_GOAL


def ways_to_run(name: str) -> dict[str, Run]:
    live = opened(name)
    assert isinstance(live, TorchModel)
    given, data = [InputSpec(shape=SHAPES[name])], torch.randn(SHAPES[name])

    def bare() -> object:
        with torch.no_grad():
            return live.module(data)

    ways: dict[str, Run] = {
        "bare": bare,
        "nninspect": lambda: live.forward(ForwardSettings(inputs=given), lambda *_: None),
    }
    if importlib.util.find_spec("torchlens") is not None:
        import torchlens

        ways["torchlens"] = lambda: torchlens.trace(live.module, data)
    return ways


def opened(name: str) -> object:
    if name == "resnet50":
        return open_live(Recipe(target="torchvision.models:resnet50"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transformer.py"
        path.write_text(TRANSFORMER)
        return open_live(Recipe(target=f"{path}:model"))


def seconds(run: Run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measured_peak(name: str, way: str) -> int:
    command = [sys.executable, __file__, "--peak", name, way]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def peak_of(name: str, way: str) -> int:
    """Bytes that this process holds at most while it runs once more."""
    run = ways_to_run(name)[way]
    run()
    Path("/proc/self/clear_refs").write_text("5")
    run()
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())
