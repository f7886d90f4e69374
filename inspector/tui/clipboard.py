"""Ways to the clipboard: the system's own programs, tmux, then the terminal by OSC 52.

A terminal never says whether it took what OSC 52 sends, and cuts or drops what is too long for it; so the programs come
first, and where no way is left the text is shown to be selected.
"""

import asyncio
import base64
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress

LONGEST_SEQUENCE = 74_994
"""Bytes of base64 that xterm and hterm take in one OSC 52."""
SCREEN_TAKES = 252
"""Bytes that every version of GNU screen passes on at once: its string of 256 with the signs around them."""
SECONDS = 2.0
"""A program that takes longer is taken to hang."""
DEAF = {"TERM_PROGRAM": {"Apple_Terminal"}, "TERM": {"linux", "dumb"}}
"""Terminals that ignore OSC 52, by variables of the environment."""


def programs(environment: Mapping[str, str], platform: str = sys.platform) -> list[list[str]]:
    """The commands that may take the text, the best first; through ssh only tmux is where the person is."""
    commands: list[list[str]] = []
    if not (environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")):
        if platform == "darwin":
            commands.append(["pbcopy"])
        if environment.get("WAYLAND_DISPLAY"):
            commands.append(["wl-copy"])
        if environment.get("DISPLAY"):
            commands += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
        if platform == "win32" or environment.get("WSL_DISTRO_NAME"):
            commands.append(["clip.exe"])
    if environment.get("TMUX"):
        commands.append(["tmux", "load-buffer", "-w", "-"])
    return [command for command in commands if shutil.which(command[0], path=environment.get("PATH"))]


async def copied_by_program(text: str, environment: Mapping[str, str]) -> str:
    """Give the text to the first program that takes it; its name, "" where none did."""
    for command in programs(environment):
        if await _takes(command, text, environment):
            return command[0]
    return ""


async def _takes(command: list[str], text: str, environment: Mapping[str, str]) -> bool:
    nowhere = asyncio.subprocess.DEVNULL
    try:
        # xclip and wl-copy go on in the background; what they would print must keep no pipe open.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=nowhere, stderr=nowhere, env=dict(environment)
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(_encoded(text, command[0])), SECONDS)
    except (TimeoutError, ConnectionError):
        with suppress(ProcessLookupError):
            process.kill()
        return False
    return process.returncode == 0


def _encoded(text: str, program: str) -> bytes:
    """The text as a program reads it: that of Windows by the console's code page, unless it begins as UTF-16 does."""
    return f"\ufeff{text}".encode("utf-16-le") if program == "clip.exe" else text.encode()


def sequence(text: str, environment: Mapping[str, str]) -> str:
    """What makes the terminal take the text, inside tmux or screen passed on; "" where it would not."""
    if any(environment.get(name) in values for name, values in DEAF.items()):
        return ""
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > LONGEST_SEQUENCE:
        return ""
    plain = f"\x1b]52;c;{encoded}\a"
    if environment.get("TMUX"):
        escaped = plain.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{escaped}\x1b\\"
    if environment.get("STY"):
        pieces = (plain[at : at + SCREEN_TAKES] for at in range(0, len(plain), SCREEN_TAKES))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return plain
