"""A page for each rule of `check`, from the catalogue and from a faulty and a mended example of each."""

import re
from functools import cache
from pathlib import Path

from making.markdown import as_text
from making.scratch import EXAMPLES, ROOT

from inspector.checks.catalogue import OF_FILES, RULES
from inspector.core.findings import Rule

CORPUS = ROOT / "tests" / "corpus"
_FAMILIES = {
    "NN0": "Running at all",
    "NN1": "Structure: what is registered, used, trained and tied",
    "NN2": "Batches and shapes",
    "NN3": "Signals and gradients",
    "NN4": "Weights and files",
    "NN5": "Outputs and activations",
    "NN6": "Normalisation and modes",
    "NN7": "Convolutions",
    "NN8": "Devices and dtypes",
    "NN9": "Indices",
}
"""By the beginnings of their ids."""


@cache
def rule_pages() -> dict[str, str]:
    """The pages by their paths: the list of all, then the rules' own by id."""
    return {"rules/all.md": _list()} | {f"rules/{id}.md": _page(rule) for id, rule in sorted(RULES.items())}


def _list() -> str:
    lines = ["# All rules", "", "Select a whole family by the beginning of its ids: `--select NN3`.", ""]
    for beginning, title in _FAMILIES.items():
        lines += [f"## {title}", "", "| id | name | what it looks for |", "|---|---|---|"]
        rules = [rule for id, rule in sorted(RULES.items()) if id.startswith(beginning)]
        lines += [f"| [{rule.id}]({rule.id}.md) | {rule.name} | {as_text(rule.looks_for)} |" for rule in rules]
        lines.append("")
    return "\n".join(lines)


def _page(rule: Rule) -> str:
    at = (
        "It looks at the file of weights, and needs neither the model nor torch for one opened on its own."
        if rule.id in OF_FILES - {"NN401"}
        else "It needs the model."
    )
    parts = [
        f"# {rule.id} {rule.name}",
        as_text(rule.looks_for),
        at,
        *(_of_file(rule) if _file_script(rule, "faulty").exists() else _of_code(rule)),
        "## Thresholds and their source",
        as_text(rule.thresholds),
        f"Source: {as_text(rule.source)}",
        "`nninspect check --explain " + rule.id + "` prints the same.",
        "## When it may be wrong",
        "Every finding says so itself, after `may be wrong` above: what it looks like depends on what was found.",
        "## Keep it quiet",
        f"One finding, by a comment on the guilty line, on the line that registers the module or parameter, or on the "
        f"module's `class` line: `# nninspect: ignore[{rule.id}]`. In one run: `--ignore {rule.id}`. In a project, in "
        f"`pyproject.toml`:",
        f'```toml\n[tool.nninspect]\nignore = ["{rule.id}"]\n```',
        "[Check a model](../tasks/check.md) has more on this.",
    ]
    return "\n\n".join(parts) + "\n"


def _of_code(rule: Rule) -> list[str]:
    """The shortest example of the corpus, and the names of the others."""
    faulty = sorted(CORPUS.glob(f"{rule.id}_*_faulty.py"), key=lambda path: path.stat().st_size)
    if not faulty:
        raise ValueError(f"{rule.id} has no example: add one to tests/corpus, or a script to docs/examples/files")
    first, *others = faulty
    mended = first.with_name(first.name.replace("_faulty", "_mended"))
    parts = [
        "## A faulty model",
        _code(first),
        _checked(first, rule.id, "finds"),
        "## The same, mended",
        _code(mended),
        _checked(mended, rule.id, "spares"),
    ]
    if others:
        named = ", ".join(re.sub(r"^NN\d+_|_faulty$", "", path.stem).replace("_", " ") for path in sorted(others))
        parts.append(f"`tests/corpus` has more pairs for this rule: {named}.")
    return parts


def _of_file(rule: Rule) -> list[str]:
    """The scripts in docs/examples that write a faulty and a sound file."""
    parts = []
    for kind, title, expected in (("faulty", "A faulty file", "finds"), ("mended", "The same, mended", "spares")):
        script = _file_script(rule, kind)
        command = re.search(r"^# checked: (.*)$", script.read_text(encoding="utf-8"), re.MULTILINE)
        assert command is not None, f"{script} does not say how it is checked"
        shown = _console(command[1], rule.id, "examples/files", expected)
        parts += [f"## {title}", "Written by:", _code(script), shown]
    return parts


def _file_script(rule: Rule, kind: str) -> Path:
    return EXAMPLES / "files" / f"make_{rule.id}_{kind}.py"


def _code(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    shown = "\n".join(line for line in lines if not re.match(r"# (also|options|checked): ", line))
    return f"```python\n{shown.strip()}\n```"


def _checked(path: Path, rule: str, expected: str) -> str:
    head = "\n".join(path.read_text(encoding="utf-8").splitlines()[:4])
    found = re.search(r"^# options: (.*)$", head, re.MULTILINE)
    options = f" {found[1]}" if found else ""
    options = re.sub(r"(--input) (\S*\S*[()~]\S*)", r"\1 '\2'", options)
    return _console(f"nninspect check {path.name}{options}", rule, "corpus", expected)


def _console(command: str, rule: str, folder: str, expected: str) -> str:
    return f"```console in={folder} any {expected}={rule}\n$ {command} --select {rule}\n```"
