"""Where the commands of the pages run: copies of the samples, and a shell in which `nninspect` is quick to start."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
WIDTH = 110
SECONDS = 300
"""After which a command is taken to hang."""


@dataclass(frozen=True)
class Ran:
    """What a command line printed, both streams as they came, and how it ended."""

    output: str
    status: int


class Scratch:
    """A folder for each page, all begun with the same files."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._pattern = folder / "pattern"
        for name in ("sample_models", "tests/corpus"):
            shutil.copytree(ROOT / name, self._pattern / Path(name).name, ignore=_CACHES)
        shutil.copytree(EXAMPLES, self._pattern / "examples", ignore=_CACHES)
        # All in one process: it imports torch once.
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _MAKE], cwd=self._pattern / "examples", check=True, env=environment
        )

    def page(self, name: str) -> Path:
        """A new folder with the samples (sample_models, corpus, examples)."""
        place = self._folder / "pages" / name
        shutil.copytree(self._pattern, place)
        return place

    def run(self, command: str, folder: Path, width: int = WIDTH) -> Ran:
        """Run one line in the shell."""
        try:
            done = subprocess.run(
                ["bash", "-c", f"set -o pipefail; {command}"],
                cwd=folder,
                env=self._environment | {"COLUMNS": str(width)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(f"it did not end in {SECONDS} seconds", -1)
        output = done.stdout.decode("utf-8", "replace")
        for ours in (f" --worker {self._environment['NNINSPECT_WORKER']}", f"{folder}/"):
            output = output.replace(ours, "")
        return Ran(output.rstrip("\n"), done.returncode)


_MAKE = """
import os, pathlib, runpy
for script in sorted(pathlib.Path.cwd().rglob("make_*.py")):
    os.chdir(script.parent)
    runpy.run_path(script.name)
"""
_CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A scratch folder with its warm process; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nninspect-docs-") as temporary:
        folder = Path(temporary)
        programs = folder / "bin"
        programs.mkdir()
        launch = Path(__file__).with_name("launch.py").read_text(encoding="utf-8")
        for name in ("nninspect", "worker"):
            program = programs / name
            program.write_text(f"#!{sys.executable} -SE\n{launch}", encoding="utf-8")
            program.chmod(0o755)
        environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "HOME": str(folder),
            "NNINSPECT_WARM": str(folder / "warm"),
            "NNINSPECT_WORKER": str(programs / "worker"),
        }
        for name in ("XDG_CONFIG_HOME", "NNINSPECT_CONFIG"):
            environment.pop(name, None)
        warm = [
            sys.executable,
            str(Path(__file__).with_name("warm.py")),
            str(folder / "warm"),
            str(programs / "worker"),
        ]
        process = subprocess.Popen(warm, env=environment)
        try:
            made = Scratch(folder, environment)
            while not (folder / "warm").exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the process that runs the pages' commands ended with {process.returncode}")
                time.sleep(0.05)
            yield made
        finally:
            process.kill()
            process.wait()
