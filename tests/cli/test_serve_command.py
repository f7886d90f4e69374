"""`--serve` refuses in a sentence what it cannot or should not serve."""

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from inspector.cli.main import run
from inspector.cli.serve import tab_command
from inspector.core.errors import ExitStatus

pytest.importorskip("textual_serve")

from textual_serve.download_manager import DownloadManager

from inspector.browser import sessions
from inspector.browser.address import Address, parse_address


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--serve", "0.0.0.0:0"], "--allow-remote"),
        (["--serve", "[::]:0"], "--allow-remote"),
        (["--serve", "box.example:80"], "--allow-remote"),
        (["--serve", "127.0.0.1:70000"], "not a number up to 65535"),
        (["--serve", "elsewhere"], "HOST:PORT"),
        (["--serve", "203.0.113.7:0", "--allow-remote"], "cannot be listened to"),
        (["--serve", "a..b:80", "--allow-remote"], "a..b:80 cannot be listened to: no host can have that name"),
        (["--json", "--serve"], "--json"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(arguments, sentence, capsys):
    assert run(["sample_models/lenet.py", *arguments]) == ExitStatus.REFUSED
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_target_that_serve_took_for_its_address_is_said_to_go_first(capsys):
    assert run(["--serve", "sample_models/lenet.py"]) == ExitStatus.REFUSED
    assert "write TARGET before --serve" in capsys.readouterr().err


def test_a_target_on_the_machine_of_the_workers_setting_is_served(monkeypatch, tmp_path):
    Path(os.environ["NNINSPECT_CONFIG"]).write_text('worker = "ssh box python -m inspector.worker"')
    served = []
    monkeypatch.setattr("inspector.cli.serve.serve", lambda *given: served.append(given) or 0)
    assert run(["/theirs/net.py", "--serve"]) == 0
    assert served == [(Address(), False, "/theirs/net.py", ["/theirs/net.py", "--serve"])]


def test_without_textual_serve_it_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    assert run(["sample_models/lenet.py", "--serve"]) == ExitStatus.REFUSED
    assert "pip install 'nninspect[serve]'" in capsys.readouterr().err


def test_another_series_of_textual_serve_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("inspector.browser.sessions.version", lambda name: "2.0.0")
    assert run(["sample_models/lenet.py", "--serve"]) == ExitStatus.REFUSED
    assert "2.0.0 is installed" in capsys.readouterr().err


def test_windows_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "win32")
    assert run(["sample_models/lenet.py", "--serve"]) == ExitStatus.REFUSED
    assert "WSL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "address", "is_loopback"),
    [
        ("8000", Address("127.0.0.1", 8000), True),
        (":8000", Address("127.0.0.1", 8000), True),
        ("localhost:0", Address("localhost", 0), True),
        ("127.5.6.7:", Address("127.5.6.7", 0), True),
        ("[::1]:80", Address("::1", 80), True),
        ("0.0.0.0:80", Address("0.0.0.0", 80), False),
        ("10.0.0.1:80", Address("10.0.0.1", 80), False),
        ("localhost.evil.example:80", Address("localhost.evil.example", 80), False),
    ],
)
def test_addresses_are_read(typed, address, is_loopback):
    assert parse_address(typed) == address
    assert parse_address(typed).is_loopback is is_loopback


async def test_a_session_that_does_not_quit_ends_with_its_input_where_the_process_is_not_known(monkeypatch):
    async def nothing(*_):
        return None

    # Deaf to the wish to quit, like an interface whose event loop is stuck; ends with its input only.
    deaf = f"exec {sys.executable} -c \"import sys; print('__GANGLION__', flush=True); sys.stdin.read()\""
    session = sessions.new_session(deaf, nothing, nothing, nothing, DownloadManager())
    await session.start(80, 24)
    # What reads from it has begun, and has the process; from now on the attribute is not there.
    await asyncio.sleep(0)
    process = session._process
    del session._process
    monkeypatch.setattr(sessions, "SECONDS_TO_QUIT", 0.1)
    await session.stop()
    assert await process.wait() == 0


async def test_a_session_that_draws_for_a_closed_tab_has_its_time_to_quit(tmp_path):
    async def closed(_):
        raise ConnectionResetError

    drawing = "import os, sys; os.write(1, b'__GANGLION__\\n' + b'D\\0\\0\\0\\1x'); sys.stdin.buffer.read(5); "
    drawing += "os.write(1, b'x' * 200_000); open('left', 'w')"
    command = f"cd {shlex.quote(str(tmp_path))} && exec {shlex.join([sys.executable, '-c', drawing])}"
    session = sessions.new_session(command, closed, closed, closed, DownloadManager())
    await session.start(80, 24)
    await session._task
    await session.stop()
    assert (tmp_path / "left").exists()


def test_the_shell_sees_the_arguments_as_words(tmp_path):
    hostile = ["$(touch a)", "`touch b`", "; touch c", "'", '"', "\\", "new\nline", "*", "~", "--x=$HOME"]
    command = tab_command(hostile)
    printing = command.replace("from inspector.cli.main import run; sys.exit(run())", "print(sys.argv[1:])")
    assert printing != command
    done = subprocess.run(["sh", "-c", printing], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == f"{hostile}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("bound", "ours", "foreign"),
    [
        ("127.0.0.1", ["127.0.0.1:1", "localhost", "[::1]:9"], ["10.0.0.1", "evil.example", "localhost.evil.example"]),
        ("box.example", ["box.example:80", "BOX.example"], ["localhost", "10.0.0.1", "evil.example"]),
        ("0.0.0.0", ["10.0.0.1:80", "localhost", "[2001:db8::1]:80"], ["evil.example", "10.0.0.1.evil.example", ""]),
    ],
)
def test_hosts_are_those_of_the_address(bound, ours, foreign):
    from aiohttp.test_utils import make_mocked_request

    from inspector.browser.access import Access

    access = Access(Address(bound, 80))
    for host in ours:
        assert access.is_from_here(make_mocked_request("GET", "/", headers={"Host": host})), host
        other = {"Host": host, "Origin": "http://evil.example"}
        assert not access.is_from_here(make_mocked_request("GET", "/", headers=other)), host
    for host in foreign:
        assert not access.is_from_here(make_mocked_request("GET", "/", headers={"Host": host})), host
    assert not access.is_from_here(make_mocked_request("GET", "/"))
    assert access.token != Access(Address(bound, 80)).token
