"""`nninspect TARGET --serve`: the interface in a browser."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspector.core.errors import ExitStatus, RequestError
from inspector.core.wording import printable

if TYPE_CHECKING:
    from inspector.browser.address import Address

TAB_DRIVER = "inspector.browser.tab:TabDriver"
ANYWHERE = "127.0.0.1:0"
"""Where it listens when nothing is said: this machine alone, a free port."""
_ROOT = str(Path(__file__).resolve().parents[2])


def serve(address: "Address", allow_remote: bool, title: str, arguments: list[str]) -> int:
    """Serve the interface for the command line `arguments` at an address, until ctrl+c.

    Raises RequestError where textual-serve is missing, or others could reach the address and that is not allowed.
    """
    if sys.platform == "win32":
        raise RequestError("--serve hands the target to a POSIX shell; on Windows run it in WSL")
    try:
        import textual_serve  # noqa: F401
    except ImportError:
        raise RequestError("--serve needs textual-serve; install it with: pip install 'nninspect[serve]'") from None
    import asyncio

    from inspector.browser.server import serve_until_ended
    from inspector.browser.sessions import refuse_other_versions

    refuse_other_versions()
    if not address.is_loopback and not allow_remote:
        raise RequestError(
            f"others can reach {address.host}, and what they send and see is not encrypted; add --allow-remote if you "
            "want that, or serve on this machine alone and let ssh carry it: ssh -t -L 8000:localhost:PORT"
        )

    def started(url: str, address: "Address") -> None:
        if not address.is_loopback:
            click.echo(
                "nninspect: warning: without TLS whoever is on the way can read the token and then run code here",
                err=True,
            )
        click.echo(f"{printable(title)} is served at\n\n  {url}\n")
        click.echo("Every tab is a session of its own, with its own worker; closing it ends both. ctrl+c ends all.")
        sys.stdout.flush()

    asyncio.run(serve_until_ended(tab_command(arguments), title, address, started))
    return ExitStatus.DONE


def tab_command(arguments: list[str]) -> str:
    """What textual-serve gives to a shell for every tab: this program anew, on the same arguments.

    Whatever the arguments hold, the shell sees them as words only.
    """
    # -P: a file of the user's named like a module of ours must not take its place.
    code = f"import sys; sys.path.append({_ROOT!r}); from inspector.cli.main import run; sys.exit(run())"
    words = ["env", f"TEXTUAL_DRIVER={TAB_DRIVER}", sys.executable, "-P", "-c", code, *arguments]
    return f"exec {shlex.join(words)}"
