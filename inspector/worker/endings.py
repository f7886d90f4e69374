"""How a worker's process ended, in words."""

import signal

from inspector.worker.protocol import PIPES_CLOSED


def how_it_ended(status: int) -> str:
    """What an exit status of the model's process means; negative ones are signals."""
    if status >= 0:
        if status == PIPES_CLOSED:
            return "its code closed files that it had not opened, and with them the way to nninspect"
        return f"it ended with exit status {status}, as after os._exit({status}) or exit({status}) in native code"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
    meaning = {
        "SIGSEGV": "it read memory that is not its own (segmentation fault)",
        "SIGKILL": "it was killed, by a person or because the machine ran out of memory",
        "SIGABRT": "native code aborted",
        "SIGFPE": "native code divided by zero",
        "SIGBUS": "it read a file or memory that has gone (bus error)",
    }.get(name, "it was stopped by a signal")
    return f"{meaning}, {name}"


def how_the_command_ended(command: str, status: int, last_lines: list[str], began: bool) -> str:
    """The same of a command that starts a worker, and may say more than its status."""
    ended = f"exit status {status}" if status >= 0 else f"signal {-status}"
    said = f"; the last that it printed: {' / '.join(last_lines)}" if last_lines else ""
    before = "" if began else " before a worker began; it has to run python -m inspector.worker where the model is"
    return f"`{command}` ended with {ended}{before}{said}"
