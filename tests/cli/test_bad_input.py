"""What is refused before any worker starts: one sentence and exit 2, whatever is typed."""

import pytest

from inspector.cli.main import run

NINES = "9" * 5000
REFUSED = {
    "a file name that is no text": (["\udcff.py"], r"'\xff.py' is not text"),
    "an input that is no text": (["summary", "m.py", "--input", "\udcff=1x3"], r"'\xff=1x3' is not text"),
    "a device that is no text": (["forward", "m.py", "--device", "\udcff"], "is not text"),
    "a path that is no text": (["what-if", "m.py", "--at", "\udcff", "--set", "stride=2"], "is not text"),
    "an axis of 5000 digits": (["summary", "m.py", "--input", NINES], "longer than any axis"),
    "a size of 5000 digits": (["summary", "m.py", "--memory", "--fits", NINES], "more than any machine has"),
    "a batch beyond any": (["summary", "m.py", "--memory", "--batch", str(2**62)], "--batch"),
    "a call beyond any": (["what-if", "m.py", "--at", "fc", "--call", str(2**70)], "--call"),
    "a setting twice": (
        ["what-if", "m.py", "--at", "fc", "--set", "stride=2", "--set", "stride=3"],
        "--set stride=2 and --set stride=3",
    ),
    "an input twice": (["forward", "m.py", "--input", "x=1", "--input", "x=2"], "same name, 'x'"),
    "another input twice": (
        ["what-if", "m.py", "--at", "fc", "--with-input", "x=1", "--with-input", "x=2"],
        "same name, 'x'",
    ),
    "an argument twice": (["summary", "m.py", "--args", "a=1,a=2"], "a is given twice"),
    "no device": (["summary", "m.py", "--device", ""], "--device is empty"),
    "no weights": (["summary", "m.py", "--weights", " "], "--weights is empty"),
    "no size": (["summary", "m.py", "--memory", "--fits", ""], "--fits is empty"),
    "no worker": (["diff", "a.pt", "b.pt", "--worker", ""], "--worker is empty"),
    "nobody's file": (["summary", "~nobody-of-that-name/x.pt"], "no such user"),
    "nobody's workspace": (["--resume", "~nobody-of-that-name/w.json"], "no such user"),
    "nobody's journal": (["summary", "m.py", "--edits", "~nobody-of-that-name/j.json"], "no such user"),
    "nobody's settings": (["config", "--config", "~nobody-of-that-name/c.toml"], "no such user"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_it_is_refused_in_one_sentence(reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments, words = REFUSED[reason]
    assert run(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err) < 500
