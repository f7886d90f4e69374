"""How long, and how much memory, it takes to say what a very large checkpoint holds, against ``torch.load`` onto meta.

    python benchmarks/checkpoints.py [--repeats 5]

Makes a 12 GB ``.pt`` and a 20 GB safetensors file, sparse on disk, and an index of 100,000 tensors in 100 shards, in a
folder that is removed again. Whole processes, in turn; medians. The goals: `summary --json` of each large file in at
most 0.15 of the time of ``torch.load(…, mmap=True, map_location="meta", weights_only=True)`` of the ``.pt``, in less
than 60 MB beyond the bare interpreter's; the index opened in less than a second. The exit status is 1 where one is
missed.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

GOAL, MEGABYTES, INDEX_SECONDS = 0.15, 60.0, 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and memory to list large checkpoints.")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; medians are shown")
    parser.add_argument("--make", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make_all(given.make)
        return 0
    repeats = given.repeats
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # In a process of its own: a child's peak counts what its parent had when it was started.
        subprocess.run([sys.executable, __file__, "--make", folder], check=True)
        index = place / "sharded" / "model.safetensors.index.json"
        large = str(place / "large.pt")
        load = f"import torch; torch.load({large!r}, mmap=True, map_location='meta', weights_only=True)"
        opening = f"from inspector.files import open_catalog; open_catalog({str(index)!r})"
        summary = [sys.executable, "-m", "inspector", "summary", "--json"]
        ways = {
            "bare interpreter": [sys.executable, "-c", "pass"],
            "torch.load": [sys.executable, "-c", load],
            "12 GB .pt": [*summary, str(place / "large.pt")],
            "20 GB safetensors": [*summary, str(place / "large.safetensors")],
            "index of 100,000": [sys.executable, "-c", opening],
        }
        rounds = [{way: measure(command) for way, command in ways.items()} for _ in range(repeats)]
    seconds = {way: statistics.median(one[way][0] for one in rounds) for way in ways}
    bare = statistics.median(one["bare interpreter"][1] for one in rounds)
    memory = {way: statistics.median(one[way][1] for one in rounds) - bare for way in ways}
    missed = seconds["index of 100,000"] > INDEX_SECONDS
    for way in ways:
        ratio = seconds[way] / seconds["torch.load"]
        print(f"{way:>18}: {seconds[way]:6.3f} s, {ratio:5.2f} of torch.load, {memory[way]:6.1f} MB more than bare")
        if way in ("12 GB .pt", "20 GB safetensors"):
            missed |= ratio > GOAL or memory[way] > MEGABYTES
    print(f"goals: {'MISSED' if missed else 'reached'}")
    return int(missed)


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of a process; its output goes nowhere."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    used = wait(process)
    return time.perf_counter() - started, used


def wait(process: "subprocess.Popen[bytes]") -> float:

    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with status {process.returncode}")
    return peak(usage)


def peak(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def make_all(place: Path) -> None:
    """The files that are measured."""
    make_torch(place / "large.pt")
    make_safetensors(place / "large.safetensors", tensors=2000, elements=2_500_000)
    make_index(place / "sharded", shards=100, each=1000)


def make_torch(path: Path) -> None:
    """A state_dict of 1,202 tensors, 12 GB, whose values were never written."""
    import torch

    state = OrderedDict(
        (f"model.layers.{number // 12}.part{number % 12}.weight", torch.empty(2500, 1000)) for number in range(1202)
    )
    with torch.serialization.skip_data():
        torch.save(state, path)


def make_safetensors(path: Path, tensors: int, elements: int) -> None:
    """float32 tensors of zeros that take no room on the disk."""
    size = 4 * elements
    header = {
        f"model.layers.{number // 10}.part{number % 10}.weight": {
            "dtype": "F32",
            "shape": [elements],
            "data_offsets": [number * size, (number + 1) * size],
        }
        for number in range(tensors)
    }
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + tensors * size)


def make_index(folder: Path, shards: int, each: int) -> None:
    """An index in the form of the Hugging Face hub, with its shards."""
    folder.mkdir()
    weight_map = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        header = {}
        for number in range(each):
            key = f"model.layers.{shard}.experts.{number}.weight"
            weight_map[key] = name
            header[key] = {"dtype": "F16", "shape": [64, 64], "data_offsets": [number * 8192, (number + 1) * 8192]}
        text = json.dumps(header).encode()
        with (folder / name).open("wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text)
            stream.truncate(8 + len(text) + each * 8192)
    index = json.dumps({"metadata": {}, "weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(index)


if __name__ == "__main__":
    raise SystemExit(main())
