"""Distributions as pip leaves them: entry points in a folder that is put on the path of a child process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def distribution(folder, name, entry_points, **modules):
    """Write a distribution with entry points by group, and the texts of its modules by name."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [f"[{group}]\n" + "\n".join(f"{key} = {value}" for key, value in points.items()) + "\n"
              for group, points in entry_points.items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(groups))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    return folder


def python(arguments, folder=None, path=(), **more):
    """Run Python in a folder, with more folders on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *path])), "NO_COLOR": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder or ROOT,
        env=environment,
        capture_output=True,
        text=True,
        **more,
    )


def nninspect(arguments, folder=None, path=()):
    """Run the command."""
    return python(["-m", "inspector", *arguments], folder, path)
