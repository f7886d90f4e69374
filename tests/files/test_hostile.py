"""Every hostile file in a process of its own, with little memory, little time, and an eye on what it does."""

import subprocess
import sys
from pathlib import Path

import pytest
from hostile import HOSTILE, PROOF

SECONDS = 5
MEGABYTES = 500
WATCH = f"""
import resource, sys, time
import ast, encodings.cp437, encodings.unicode_escape, encodings.raw_unicode_escape, encodings.latin_1
import importlib, pkgutil
import inspector.files, inspector.core.errors, inspector.core.field_rules.windows
for module in pkgutil.iter_modules(inspector.files.__path__):
    importlib.import_module(f"inspector.files.{{module.name}}")
from inspector.files import open_catalog, table_of

folder = sys.argv[2]
FORBIDDEN = ("exec", "compile", "import", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen",
             "socket.connect", "os.remove", "os.rename", "os.mkdir", "shutil", "ctypes", "marshal", "pickle.find_class")
bad = []

def watch(event, args):
    if event == "open" and len(args) > 1:
        mode, flags = args[1], args[2]
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+") or flags & 3
        inside = isinstance(args[0], int) or str(args[0]).startswith((folder, "/proc/self/status"))
        if writes or not inside:
            bad.append((event, str(args[0])))
    elif event.startswith(FORBIDDEN) and not (event == "compile" and args[1] == "<unknown>"):
        bad.append((event, str(args)[:200]))

def resident(line):
    # Not by getrusage: its peak begins with that of the process that started this one.
    with open("/proc/self/status") as status:
        return next(int(text.split()[1]) for text in status if text.startswith(line)) // 1024

before = resident("VmRSS")
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))
sys.addaudithook(watch)
started = time.process_time()
try:
    catalog = open_catalog(sys.argv[1])
    table_of(catalog, "x")
    print("catalog", len(catalog.tensors), ",".join(catalog.unsafe_globals[:3])[:200])
except inspector.core.errors.RequestError as error:
    assert len(str(error)) < 1500, len(str(error))
    print("refused", str(error).encode("ascii", "replace").decode()[:300])
took = time.process_time() - started
sys.stdout.flush()
peak = resident("VmHWM") - before
assert not bad, bad
assert took < {SECONDS}, took
assert peak < {MEGABYTES}, peak
print("used", round(took, 2), peak)
"""


def watched(target: Path, folder: Path, code: str = WATCH) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(target), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)


# What runs nothing is shown in `make quick`; what size costs takes its time.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name.startswith("bomb") else ()) for name in HOSTILE]
)
def test_nothing_runs_and_little_is_used(name: str, tmp_path: Path) -> None:
    done = watched(HOSTILE[name](tmp_path), tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / PROOF).exists()


def test_the_watch_sees_a_reader_that_runs_what_it_reads(tmp_path: Path) -> None:
    code = WATCH.replace(
        "catalog = open_catalog(sys.argv[1])", "import pickle; catalog = pickle.load(open(sys.argv[1], 'rb'))"
    )
    done = watched(HOSTILE["a bare pickle of protocol 5"](tmp_path), tmp_path, code)
    assert (tmp_path / PROOF).exists()
    assert done.returncode != 0
