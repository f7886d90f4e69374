"""The command line with a worker's server in this process, for what is said alike: without the seconds to start one."""

import sys
from collections.abc import Callable
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any
from unittest.mock import patch

import msgspec

from inspector.cli import conversation, main
from inspector.core.edits import Journal
from inspector.core.recipe import Recipe, parse_target
from inspector.engine import user_paths
from inspector.worker import opening, protocol, serving
from inspector.worker.answers import as_exception, note_in

COMMAND = str(Path(sys.executable).with_name("nninspect"))


class ClientAtHand:
    """Carries requests out at once."""

    in_threads = False

    def __init__(self) -> None:
        self.journal = Journal()
        self.listeners: list[Callable[[protocol.Event], None]] = []
        self._server = serving.Server()

    async def start(self) -> None:
        """There is nothing to start."""

    async def request(self, request: Any) -> Any:
        """What a worker would answer, as it comes over the pipe."""
        answer = self._server.answer(protocol.Call(1, request), lambda *_: None)
        if isinstance(answer, protocol.Refused):
            raise as_exception(answer)
        decoded = msgspec.msgpack.decode(answer.answer, type=request.answer)
        note_in(self.journal, request, decoded)
        return decoded

    async def close(self) -> None:
        """Leave a pass that waits."""
        self._server.end()


def called(*arguments: str | Path, cwd: Path | None = None, in_a_shell: bool = False) -> CompletedProcess[str]:
    """The command's exit status and what it printed; `in_a_shell` as users call it, in processes of its own."""
    typed = [str(argument) for argument in arguments]
    folder = cwd or Path.cwd()
    if in_a_shell:
        return run([COMMAND, *typed], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    with ExitStack() as stack:
        stack.enter_context(chdir(folder))
        for module in (user_paths, serving):
            stack.enter_context(patch.object(module, "START", folder))
        stack.enter_context(patch.object(conversation, "client_for", _client_for))
        out, err = (stack.enter_context(redirect(StringIO())) for redirect in (redirect_stdout, redirect_stderr))
        status = main.run(typed)
    return CompletedProcess(typed, status, out.getvalue(), err.getvalue())


def _client_for(recipe: Recipe, *rest: Any, **options: Any) -> Any:
    is_file = parse_target(recipe.target).kind == "weights"
    return opening.client_for(recipe, *rest, **options) if is_file else ClientAtHand()
