"""A process killed at any moment while it writes leaves the old file, the new one, or none."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

WRITER = """
import sys
from pathlib import Path
import numpy as np
from inspector.files.values.writing import Outgoing, write_safetensors
from inspector.files.writing import write_whole

target = Path(sys.argv[1])
for number in range(1, 1_000_000):
    values = np.full(500_000, number % 100, np.float32)
    outgoing = [Outgoing(name, [500_000], "float32", lambda: values) for name in "ab"]
    write_whole(target, str(target), lambda place: write_safetensors(place, outgoing, {}))
    if number == 1:
        print("ready", flush=True)
"""
KILLS = 25


@pytest.mark.slow
def test_no_file_is_ever_half_written(tmp_path: Path) -> None:
    draw = random.Random(0)
    target = tmp_path / "weights.safetensors"
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            # Not a wait for something to happen: the moment is what is tried.
            time.sleep(draw.uniform(0, 0.03))
            writer.kill()
        read = load_file(target)
        assert read.keys() == {"a", "b"}
        assert len(np.unique(np.concatenate([read["a"], read["b"]]))) == 1
