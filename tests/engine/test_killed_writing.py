"""A process killed at any moment while it writes a mended file leaves the old file, the new one, or none.

The writer kills itself with SIGKILL at one call of the many that writing takes, each time at another: that is every
moment at which anything on the disk can have changed. Its forks spare importing torch two hundred times.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inspector.files.writing import write_whole

KILLS = 50
WRITER = """
import json, os, signal, sys
from pathlib import Path
import torch
from safetensors.torch import load_file
from torch import nn
from inspector.core.repair import RepairSettings
from inspector.engine.pytorch import repairing

folder, name, old, kills = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "old", int(sys.argv[4])
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 300))
target = folder / name
read = load_file if target.suffix == ".safetensors" else torch.load
torch.save({f"module.{key}": value for key, value in model.state_dict().items()}, folder / "broken.pt")
settings = RepairSettings(weights=str(folder / "broken.pt"), output=str(target), overwrite=True)
write_whole, calls = repairing.write_whole, 0

def repair(die_at):
    def counted(*arguments):
        global calls
        def count(frame, event, what):
            global calls
            calls += event in ("call", "c_call")
            if calls == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        calls = 0
        sys.setprofile(count)
        try:
            write_whole(*arguments)
        finally:
            sys.setprofile(None)
    repairing.write_whole = counted
    assert repairing.repair(model, settings, lambda *_: None).written

def state():
    # Anything that cannot be read, or holds other values, is an error.
    if not target.exists():
        return "absent"
    with target.open("rb") as stream:
        if stream.read(4) == b"old":
            return "old"
    loaded = read(target)
    assert loaded.keys() == model.state_dict().keys()
    assert all(torch.equal(loaded[key], value) for key, value in model.state_dict().items())
    return "complete"

def prepare():
    for path in folder.iterdir():
        if path.name != "broken.pt":
            path.unlink()
    if old:
        target.write_bytes(b"old")

for _ in range(2):  # the second time all is imported, as it is for the forks
    prepare()
    repair(die_at=-1)
total = calls
found = {"absent": 0, "old": 0, "complete": 0, "left": [], "killed": 0}
moments = [1 + kill * (total - 1) // (kills - 1) for kill in range(kills)]
for moment in [*moments, total // 2]:
    prepare()
    if (child := os.fork()) == 0:
        repair(die_at=moment)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found["killed"] += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    found[state()] += 1
    found["left"] = sorted({*found["left"], *(path.name for path in folder.iterdir())} - {name, "broken.pt"})
repair(die_at=-1)
assert state() == "complete"
found["after"] = sorted(path.name for path in folder.iterdir())
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["absent", "old"])
@pytest.mark.parametrize("name", ["mended.safetensors", "mended.pt"])
def test_no_file_is_ever_half_written(name: str, before: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), name, before, str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    # No other content than these three was met, and the last moments are after the file got its name.
    assert found["killed"] == found[before] + found["complete"] == KILLS + 1
    assert found[before] > KILLS // 2
    assert found["complete"] > 0
    # What is left is named as such, and the next to write removes it.
    assert found["left"]
    assert all(left.startswith(f".{name}.") and left.endswith(".part") for left in found["left"])
    assert found["after"] == sorted(["broken.pt", name])


def test_what_another_writer_is_still_writing_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "w.pt"
    (tmp_path / ".w.pt.0123abcd.part").write_bytes(b"abandoned")
    (tmp_path / ".w.pt.mine.part").write_bytes(b"of somebody else")

    def slow(place: Path) -> None:
        write_whole(target, "w.pt", lambda quick: quick.write_bytes(b"quick"))
        assert target.read_bytes() == b"quick"
        place.write_bytes(b"slow")

    write_whole(target, "w.pt", slow)
    assert target.read_bytes() == b"slow"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".w.pt.mine.part", "w.pt"]
