"""The console blocks of a page: every command in them is run, and what it prints is shown or compared.

A block begins with three backticks and `console`, and behind that how its commands are to be taken:

* `exit=1`: how the last command ends; 0 without it, and all others end so.
* `lines=20`: only so many lines of what a command prints are shown.
* `width=80`: columns of the terminal.
* `quiet`: run, but what it prints is not shown. `hidden`: the whole block is not.
* `in=examples`: the folder that they run in, from that with the samples on.
* `any`: ends with 0 or 1, which `check` uses for errors.
* `finds=NN101`: the output of `check` has a finding of this rule; `spares=NN101`: none, but for information.
* `parsed`: not run, for it takes what is not here; only the command and its options are looked at.

What stands below a command is compared with what it prints: `…` stands for any text in a line, and alone for any lines.
Where nothing stands below it, the page shows what it printed.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click
from making.scratch import WIDTH, Scratch

from inspector.cli.main import COMMANDS, main

_BLOCK = re.compile(r"^```(?P<kind>\w*)(?P<options>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(\$ )?nninspect .*", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`(nninspect [^`]+)`(?!`)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass
class Outcome:
    """A page with what its commands printed, and what is wrong with it."""

    text: str
    problems: list[str] = field(default_factory=list)
    commands: int = 0


def run_page(name: str, text: str, scratch: Scratch) -> Outcome:
    """Run the commands of a page, in order, in a folder of its own."""
    outcome = Outcome(text)
    outcome.problems += [f"`{span}`: {why}" for span in _SPAN.findall(text) if (why := _wrong_words(span))]
    folder = scratch.page(re.sub(r"\W", "_", name)) if "```console" in text else Path()
    outcome.text = _BLOCK.sub(lambda block: _shown(block, folder, scratch, outcome), text)
    return outcome


def _shown(block: re.Match[str], folder: Path, scratch: Scratch, outcome: Outcome) -> str:
    if block["kind"] != "console":
        loose = _COMMAND.search(block["body"])
        if loose:
            outcome.problems.append(f"{loose[0]!r} stands in a block that is not run; make it a console block")
        return block[0]
    options = dict(word.partition("=")[::2] for word in block["options"].split())
    entries = _entries(block["body"])
    shown = []
    for number, (command, expected) in enumerate(entries, 1):
        shown.append(f"$ {command}")
        if "parsed" in options:
            why = _wrong_words(command)
            outcome.problems += [f"{command}: {why}"] if why else []
            continue
        place = folder / options.get("in", "")
        ran = scratch.run(command.replace("\\\n", " "), place, int(options.get("width", WIDTH)))
        outcome.commands += 1
        output = _ESCAPES.sub("", ran.output)
        status = int(options.get("exit", 0)) if number == len(entries) else 0
        if ran.status != status and not ("any" in options and ran.status in (0, 1)):
            outcome.problems.append(f"{command}\n  ends with {ran.status}, not {status}:\n{output[-2000:]}")
        elif not _finds(options, output):
            outcome.problems.append(f"{command}\n  finds other than the page says:\n{output}")
        elif expected and not matches(expected, output):
            outcome.problems.append(f"{command}\n  prints other than the page says:\n{output}")
        if "quiet" not in options and output:
            shown.append(expected or _shortened(output, int(options.get("lines", 0))))
    if "hidden" in options:
        return ""
    return "\n".join(["```console", *shown, "```"])


def _entries(body: str) -> list[tuple[str, str]]:
    """The commands of a block, each with what stands below it."""
    entries: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            entries.append((line[2:], []))
        elif entries and entries[-1][0].endswith("\\") and not entries[-1][1]:
            entries[-1] = (f"{entries[-1][0]}\n{line}", [])
        elif entries:
            entries[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in entries]


def matches(expected: str, output: str) -> bool:
    """Whether a text is as expected: `…` is any text in a line, alone in a line any lines."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += "[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n"
    return re.fullmatch(pattern, output + "\n") is not None


def _finds(options: Mapping[str, str], output: str) -> bool:
    found = set(re.findall(r"^(?:error|warning|info) (NN\d+) ", output, re.MULTILINE))
    warned = set(re.findall(r"^(?:error|warning) (NN\d+) ", output, re.MULTILINE))
    return options.get("finds") in {None, *found} and options.get("spares") not in warned


def _shortened(output: str, most: int) -> str:
    lines = [line.rstrip() for line in output.splitlines()]
    return "\n".join([*lines[:most], "…"] if most and len(lines) > most else lines)


def _wrong_words(typed: str) -> str:
    """What is wrong with the command or an option in words that are not run; "" where nothing is."""
    try:
        words = shlex.split(typed.replace("\\\n", " "), comments=True)[1:]
    except ValueError as problem:
        return str(problem)
    if not words or "…" in words[0] or words[0] == "COMMAND":
        return ""
    name = words[0] if words[0] in COMMANDS else "open"
    command = main.get_command(click.Context(main), name)
    assert command is not None  # it is one of COMMANDS
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    unknown = [word for word in words if re.match(r"--?[a-zA-Z]", word) and word.partition("=")[0] not in known]
    return f"there is no option {unknown[0]} of {name}" if unknown else ""
