"""All pages' commands run, several pages at a time; a page is not run again until it or the program changes."""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import msgspec
from making.consoles import Outcome, run_page
from making.scratch import ROOT, scratch

KEPT = ROOT / ".cache" / "docs"
_PROGRAM = ("inspector", "sample_models", "tests/corpus", "docs/examples")
_RUNNING = ("consoles.py", "scratch.py", "warm.py", "launch.py")


def run_pages(pages: Mapping[str, str]) -> dict[str, Outcome]:
    """What became of each page, by its name."""
    outcomes = {name: kept for name, text in pages.items() if (kept := _kept(name, text)) is not None}
    # The longest first, so that none is left over at the end.
    left = sorted(pages.keys() - outcomes.keys(), key=lambda name: -pages[name].count("\n$ "))
    with ExitStack() as stack:
        place = stack.enter_context(scratch()) if left else None
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=os.cpu_count()))
        for name, outcome in zip(left, pool.map(lambda name: run_page(name, pages[name], place), left), strict=True):
            outcomes[name] = outcome
            if not outcome.problems:
                _keep(name, pages[name], outcome)
    return outcomes


def _kept(name: str, text: str) -> Outcome | None:
    file = _file(name, text)
    return msgspec.json.decode(file.read_bytes(), type=Outcome) if file.exists() else None


def _keep(name: str, text: str, outcome: Outcome) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in KEPT.glob(f"{_stem(name)}.*.json"):
        old.unlink()
    _file(name, text).write_bytes(msgspec.json.encode(outcome))


def _file(name: str, text: str) -> Path:
    mark = hashlib.sha256(f"{_program()}\0{text}".encode()).hexdigest()[:32]
    return KEPT / f"{_stem(name)}.{mark}.json"


def _stem(name: str) -> str:
    return name.removesuffix(".md").replace("/", "-")


@cache
def _program() -> str:
    """A mark of everything that the commands' output may depend on."""
    mark = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    files = [file for name in _PROGRAM for file in sorted((ROOT / name).rglob("*")) if "__pycache__" not in file.parts]
    for file in [*files, *(Path(__file__).with_name(name) for name in _RUNNING)]:
        if file.is_file():
            mark.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return mark.hexdigest()
