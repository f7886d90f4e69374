"""Pages of the documentation: what their commands print is compared, and what is not run is refused."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from making.command_pages import command_pages  # noqa: E402  # the folder is no package of ours
from making.consoles import matches, run_page  # noqa: E402
from making.loaded import elsewhere, wrong_links  # noqa: E402
from making.record_tables import with_tables  # noqa: E402
from making.rule_pages import rule_pages  # noqa: E402

from inspector.checks.catalogue import RULES  # noqa: E402
from inspector.cli.main import COMMANDS  # noqa: E402


class Shell:
    """A scratch in which every command prints and ends as told."""

    def __init__(self, output: str = "", status: int = 0) -> None:
        self.commands: list[str] = []
        self._ran = SimpleNamespace(output=output, status=status)

    def page(self, name: str) -> Path:
        return Path()

    def run(self, command: str, folder: Path, width: int) -> SimpleNamespace:
        self.commands.append(command)
        return self._ran


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb", "a\nb", True),
        ("a\nb", "a\nc", False),
        ("took … ms", "took 12.5 ms", True),
        ("took … ms", "took 12.5\nms", False),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…", "a", True),
        ("a\n…\nd", "a\nb", False),
        ("x[0]", "x0", False),
    ],
)
def test_dots_stand_for_text_in_a_line_and_alone_for_lines(expected, printed, same):
    assert matches(expected, printed) is same


def test_a_page_shows_what_its_commands_print():
    outcome = run_page("a.md", "```console\n$ nninspect keys m.py\n```\n", Shell("fc.weight"))
    assert outcome.text == "```console\n$ nninspect keys m.py\nfc.weight\n```\n"
    assert outcome.problems == []


@pytest.mark.parametrize(
    ("page", "shell", "problem"),
    [
        ("```console\n$ nninspect keys m.py\nfc.bias\n```", Shell("fc.weight"), "prints other than the page says"),
        ("```console\n$ nninspect keys m.py\n```", Shell(status=2), "ends with 2, not 0"),
        ("```console exit=1\n$ nninspect keys m.py\n```", Shell(), "ends with 0, not 1"),
        ("```\nnninspect keys m.py\n```", Shell(), "in a block that is not run"),
        ("```console finds=NN101\n$ nninspect check m.py\n```", Shell("not applied: NN101, why"), "finds other"),
        ("```console spares=NN101\n$ nninspect check m.py\n```", Shell("error NN101 name: why"), "finds other"),
        ("```console parsed\n$ nninspect keys m.py --colour\n```", Shell(), "there is no option --colour of keys"),
        ("Type `nninspect keys --colour`.", Shell(), "there is no option --colour of keys"),
    ],
)
def test_a_page_that_is_not_true_is_refused(page, shell, problem):
    assert problem in "\n".join(run_page("a.md", f"{page}\n", shell).problems)


def test_commands_that_need_what_is_not_here_are_not_run():
    shell = Shell()
    page = '```console parsed\n$ nninspect m.py --worker "ssh box python -m inspector.worker"\n```\n'
    assert run_page("a.md", page, shell).problems == []
    assert shell.commands == []


def test_every_rule_and_every_command_has_a_page():
    assert {f"rules/{id}.md" for id in RULES} <= rule_pages().keys()
    assert command_pages().keys() == {f"commands/{name}.md" for name in COMMANDS}


def test_records_are_told_with_those_they_hold_each_once():
    page = with_tables("<!-- records: inspector.core.findings.CheckReport -->")
    assert page.count("### Finding ") == page.count("### Rule ") == 1
    assert '| `severity` | `"error"` or `"warning"` or `"info"` |' in page


@pytest.mark.parametrize(
    "loaded",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//cdn.example/x.png">',
        '<link rel="stylesheet" href="https://cdn.example/x.css">',
        '<p style="background: url(https://cdn.example/x.png)">',
        '<a href="https://nowhere">a link that leads nowhere</a>',
    ],
)
def test_a_site_that_loads_from_another_host_is_refused(loaded, tmp_path):
    (tmp_path / "index.html").write_text(f"<html>{loaded}<a href='https://example.org/'>elsewhere</a></html>")
    assert len(elsewhere(tmp_path)) == 1


def test_a_link_to_another_host_is_no_load(tmp_path):
    (tmp_path / "index.html").write_text("<a href='https://example.org/a#b'>elsewhere</a><img src='a.png'>")
    assert elsewhere(tmp_path) == []


def test_links_of_the_readme_lead_to_files(tmp_path):
    (tmp_path / "README.md").write_text("[a](here.md) [b](gone.md#part) [c](https://example.org)")
    (tmp_path / "here.md").touch()
    assert wrong_links(tmp_path / "README.md") == ["gone.md is no file"]
