"""Comments that keep findings quiet, and the table of a project that chooses rules."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from inspector.checks.running import check_model
from inspector.core.check_configuration import CheckConfiguration, configuration_for
from inspector.core.errors import RequestError
from inspector.core.findings import CheckReport, CheckSettings, Finding, NotRun, Rule, Suppressed
from inspector.core.recipe import Recipe
from inspector.core.table import Source
from inspector.engine.opening import open_live
from inspector.report.finding_locations import Located, file_of
from inspector.report.github import github_commands
from inspector.report.sarif import sarif_document

NET = """import torch
from torch import nn


class Head(nn.Module):{head}
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(  {stack}
            nn.Linear(8, 4), nn.Tanh(),
        )
        nn.init.constant_(self.stack[0].weight, 0.5)

    def forward(self, x):
        return torch.log(self.stack(x) - 3)  {log}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.head = Head()  {use}

    def forward(self, x):
        return self.head(self.body(x))


model = Net()
"""
SELECTED = CheckSettings(select=["NN301", "NN403"])


def checked(tmp_path: Path, **comments: str) -> CheckReport:
    path = tmp_path / "net.py"
    filled = {name: comments.get(name, "") for name in ("head", "stack", "log", "use")}
    filled["head"] = f"  {filled['head']}" if filled["head"] else ""
    path.write_text(NET.format(**filled))
    return check_model(open_live(Recipe(target=f"{path}:model")), SELECTED, lambda *_: None)


def rules(report: CheckReport) -> tuple[list[str], list[str]]:
    return sorted(one.rule for one in report.findings), sorted(one.finding.rule for one in report.suppressed)


def test_without_a_comment_both_are_found(tmp_path: Path) -> None:
    assert rules(checked(tmp_path)) == (["NN301", "NN403"], [])


@pytest.mark.parametrize(
    ("place", "comment", "quiet"),
    [
        ("log", "# nninspect: ignore[NN301]", ["NN301"]),
        ("log", "# because of that  # nninspect: ignore", ["NN301"]),
        ("log", "# nninspect: ignore[NN403]", []),
        ("stack", "# nninspect: ignore[NN403]", ["NN403"]),
        ("stack", "# nninspect: ignore[NN1, nn4]", ["NN403"]),
        ("head", "# nninspect: ignore", ["NN301", "NN403"]),
        ("head", "# nninspect: ignore[NN403]", ["NN403"]),
        ("use", "# nninspect: ignore[NN301]", ["NN301"]),
        ("use", "# nninspect: ignore[]", []),
    ],
)
def test_a_comment_keeps_what_it_names_quiet_where_it_stands(
    tmp_path: Path, place: str, comment: str, quiet: list[str]
) -> None:
    found, suppressed = rules(checked(tmp_path, **{place: comment}))
    assert suppressed == quiet
    assert found == [rule for rule in ("NN301", "NN403") if rule not in quiet]


def test_what_is_quiet_is_counted_with_its_line(tmp_path: Path) -> None:
    report = checked(tmp_path, log="# nninspect: ignore")
    (one,) = report.suppressed
    assert one.by.text.endswith("# nninspect: ignore")
    assert "1 suppressed" in report.outcome


def project(tmp_path: Path, text: str) -> str:
    (tmp_path / "pyproject.toml").write_text(text)
    folder = tmp_path / "src" / "models"
    folder.mkdir(parents=True)
    return str(folder / "net.py") + ":Net"


def test_the_table_above_the_target_is_read(tmp_path: Path) -> None:
    target = project(tmp_path, '[tool.nninspect]\nselect = ["NN1"]\nignore = ["NN105"]\nfail-on = "warning"\n')
    (tmp_path / "src" / "pyproject.toml").write_text("[tool.other]\n")
    found = configuration_for(target)
    assert (found.select, found.ignore, found.fail_on) == (["NN1"], ["NN105"], "warning")


def test_a_target_in_a_folder_of_somebody_on_another_machine_has_no_table(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert configuration_for("~nobody-of-that-name/net.py") == CheckConfiguration()
    assert file_of("~nobody-of-that-name/net.py") == Located("~nobody-of-that-name/net.py", None)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[tool.nninspect]\nselct = ["NN1"]', "there is no key 'selct'"),
        ('[tool.nninspect]\nselect = "NN1"', "not a list of rules"),
        ("[tool.nninspect]\nignore = [1]", "not a list of rules"),
        ('[tool.nninspect]\nfail-on = "fatal"', "not one of error, warning, info, never"),
        ("[tool]\nnninspect = 3", "is no table"),
        ("[tool.nninspect", "cannot be read"),
    ],
)
def test_a_table_that_does_not_read_is_refused_in_one_sentence(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(RequestError, match=said) as problem:
        configuration_for(project(tmp_path, table))
    assert "\n" not in str(problem.value)


FINDING = Finding(
    rule="NN301", name="nonfinite-origin", severity="error", path="head", message="50% of it, all: NaN", fix="add\neps",
    evidence="a", may_be_wrong="", source=Source(file="/models/a net,1:2.py", line=7, text="x"),
)  # fmt: skip
REPORT = CheckReport(
    findings=[FINDING],
    suppressed=[Suppressed(finding=FINDING, by=Source(file="/models/b.py", line=3, text="#"))],
    not_run=[NotRun(rule="NN401", why="no weights")],
    rules=[Rule(id="NN301", name="nonfinite-origin", looks_for="a", thresholds="b", source="c")],
)


def test_workflow_commands_are_escaped_as_github_reads_them() -> None:
    (line,) = github_commands(REPORT, "net.py")
    command, _, message = line.removeprefix("::").partition("::")
    assert command == "error file=/models/a net%2C1%3A2.py,line=7,title=NN301 nonfinite-origin"
    assert message == "50%25 of it, all: NaN%0Aevidence: a%0Afix: add%0Aeps"


def test_what_has_no_line_of_its_own_is_shown_at_the_class(tmp_path: Path) -> None:
    target = tmp_path / "net.py"
    target.write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)\n"
        "        setattr(self, 'scale', torch.ones(4))\n\n"
        "    def forward(self, x):\n        return self.b(self.a(x)) * self.scale\n"
    )
    model = open_live(Recipe(target=str(target)))
    report = check_model(model, CheckSettings(select=["NN101", "NN502"]), lambda *_: None)
    assert {one.rule: one.source.line for one in report.findings if one.source} == {"NN101": 5, "NN502": 5}


@pytest.mark.parametrize("root", ["workspace", "repository"])
def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path, root: str, monkeypatch) -> None:
    (tmp_path / "part" / "models").mkdir(parents=True)
    if root == "workspace":
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    else:
        monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
        (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "part")
    at_line = replace(FINDING, source=Source(file=str(tmp_path / "part/models/net.py"), line=7, text="x"))
    report = CheckReport(findings=[at_line, replace(FINDING, source=None)])
    first, second = github_commands(report, "../other.py")
    assert first.startswith("::error file=part/models/net.py,line=7,")
    assert second.startswith("::error file=other.py,title=")


def test_sarif_has_what_its_schema_requires() -> None:
    document = json.loads(sarif_document(REPORT, "net.py"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert run["tool"]["driver"]["name"] == "nninspect"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["NN301"]
    first, quiet = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("NN301", 0, "error")
    assert first["message"]["text"].startswith("50% of it")
    place = first["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "file:///models/a%20net%2C1%3A2.py"}, "region": {"startLine": 7}}
    assert "suppressions" not in first
    assert quiet["suppressions"][0]["kind"] == "inSource"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is True
    assert "NN401" in invocation["toolExecutionNotifications"][0]["message"]["text"]
