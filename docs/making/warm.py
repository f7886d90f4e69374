"""A process that imports torch once and forks for every command and worker that the pages ask for.

A command with its worker takes three seconds to import what it needs, and the pages have hundreds of them. Run as
``python warm.py SOCKET WORKER``: each connection brings a name, a folder, the width of the terminal, arguments and
three descriptors (see launch.py), and gets back how the process ended.
"""

import contextlib
import importlib
import os
import pkgutil
import socket
import sys
from pathlib import Path

import inspector
from inspector.engine import user_paths
from inspector.worker import serving

LARGEST_MESSAGE = 1 << 16


def main(path: str, worker: str) -> None:
    """Listen at `path` until killed; commands start their workers by the program `worker`."""
    _import_everything()
    with socket.socket(socket.AF_UNIX) as listening:
        # Under its name only when it listens: that is what others wait for.
        listening.bind(f"{path}.new")
        listening.listen(64)
        os.rename(f"{path}.new", path)
        while True:
            connection, _ = listening.accept()
            while _reaped():
                pass
            _answer(connection, worker)


def _import_everything() -> None:
    """All of the program but its interface, and what torch imports when it is first used."""
    import torch._dynamo
    import torch.fx.experimental.symbolic_shapes
    import torch.utils.flop_counter  # noqa: F401

    for package in ("cli", "report", "worker", "checks", "engine", "files", "core"):
        path = [str(Path(inspector.__file__).parent / package)]
        for found in pkgutil.walk_packages(path, f"inspector.{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _answer(connection: socket.socket, worker: str) -> None:
    with connection:
        message, descriptors, _, _ = socket.recv_fds(connection, LARGEST_MESSAGE, 3)
        if os.fork() == 0:
            running = os.fork()
            if running == 0:
                os.setsid()
                connection.close()
                _run(message.decode().split("\0"), descriptors, worker)
            for descriptor in descriptors:
                os.close(descriptor)
            _, status = os.waitpid(running, 0)
            with contextlib.suppress(OSError):
                # Whoever asked may have been killed, as clients do with workers.
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _run(message: list[str], descriptors: list[int], worker: str) -> None:
    """Be the command or the worker, and end."""
    name, folder, columns, *arguments = message
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # As it would be, had they been imported in this process.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    user_paths.START = serving.START = Path(folder)
    os.environ["COLUMNS"] = columns
    status = 1
    try:
        if name == "worker":
            from inspector.worker.child import main as serve

            serve()
        else:
            from inspector.cli.main import run

            status = run(_with_worker(arguments, worker))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _with_worker(arguments: list[str], worker: str) -> list[str]:
    """With the option that starts the worker here, where the command has it and it is not given."""
    from inspector.cli.main import COMMANDS, main

    name = arguments[0] if arguments and arguments[0] in COMMANDS else "open"
    if not arguments or arguments[0].startswith("-") or "--worker" in arguments:
        return arguments
    command = main.commands.get(name) or main.get_command(None, name)
    takes = any("--worker" in parameter.opts for parameter in command.params)
    return [*arguments, "--worker", worker] if takes else arguments


if __name__ == "__main__":
    main(*sys.argv[1:])
