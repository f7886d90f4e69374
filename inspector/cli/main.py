"""The `nninspect` command: finds the subcommand, imports it, and turns every outcome into an exit status."""

import importlib
import io
import os
import sys
import traceback

import click
from click.shell_completion import CompletionItem

from inspector.core.errors import ExitStatus, ModelEndedError, RequestCancelledError, RequestError
from inspector.core.wording import shortened

COMPLETE_VARIABLE = "_NNINSPECT_COMPLETE"
"""Set by the scripts of `nninspect completion` when tab is pressed."""
COMMANDS = {
    "open": "inspector.cli.open",
    "summary": "inspector.cli.summary",
    "forward": "inspector.cli.forward",
    "step": "inspector.cli.step",
    "ablate": "inspector.cli.ablate",
    "check": "inspector.cli.check",
    "check-files": "inspector.cli.check_files",
    "selftest": "inspector.cli.selftest",
    "diff": "inspector.cli.diff",
    "repair": "inspector.cli.repair",
    "keys": "inspector.cli.keys",
    "place": "inspector.cli.place",
    "what-if": "inspector.cli.what_if",
    "init": "inspector.cli.init",
    "export": "inspector.cli.export",
    "screenshot": "inspector.cli.screenshot",
    "config": "inspector.cli.config",
    "completion": "inspector.cli.completion",
}
"""Each command's module, imported only when the command runs; it holds a click command named `command`."""


class _Commands(click.Group):
    """Commands imported on demand; a first word that is not one is a TARGET to open."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version"):
            if not ctx.resilient_parsing:
                _refuse_misspelt(args[0])
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options, and whatever can be a TARGET."""
        from inspector.cli.completing import targets

        known = super().shell_complete(ctx, incomplete)
        # Files first: bash forgets what it was told before them.
        return known if incomplete.startswith("-") else [*targets(ctx, ctx.command.params[0], incomplete), *known]


def _refuse_misspelt(word: str) -> None:
    """A bare word that names no file was meant as a command."""
    import difflib

    if not word.isalpha() or os.path.exists(word):
        return
    close = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.75)
    hint = f"did you mean `nninspect {close[0]}`?" if close else f"the commands are {', '.join(COMMANDS)}"
    raise click.UsageError(f"{word!r} is neither a command nor a file; {hint}")


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND TARGET …",
    epilog="`nninspect TARGET` alone opens the terminal interface.",
)
@click.version_option(package_name="nninspect", message="%(prog)s %(version)s")
def main() -> None:
    """A terminal inspector and debugger for neural networks.

    TARGET is model.py, model.py:Name, package.module:name, or model.onnx.
    """


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status; every refusal is one message on standard error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        _prepare_output()
        _refuse_undecoded(arguments)
        if COMPLETE_VARIABLE in os.environ:
            from inspector.cli.bash_words import register

            register()
        status = main.main(arguments, prog_name="nninspect", standalone_mode=False, obj=list(arguments))
        sys.stdout.flush()
    except (RequestError, ModelEndedError) as problem:
        _say(problem, "--debug" in arguments)
        return ExitStatus.MODEL_ENDED if isinstance(problem, ModelEndedError) else ExitStatus.REFUSED
    except (click.Abort, KeyboardInterrupt, RequestCancelledError):
        click.echo("interrupted", err=True)
        return ExitStatus.INTERRUPTED
    except click.ClickException as problem:
        problem.show()
        return ExitStatus.REFUSED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        _drop_output()
        return ExitStatus.DONE
    except OSError as problem:
        # An output that is open already has no name.
        if problem.filename is None:
            _drop_output()
        what = "the output cannot be written" if problem.filename is None else f"{problem.filename} cannot be used"
        _say(RequestError(f"{what}: {problem.strerror}"), "--debug" in arguments)
        return ExitStatus.REFUSED
    return status if isinstance(status, int) else ExitStatus.DONE


def _prepare_output() -> None:
    if sys.stdout is None:
        raise RequestError("standard output is closed; send it to a file or to /dev/null")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the process ends
    for stream in (sys.stdout, sys.stderr):
        # Where the terminal cannot show a character, it shows a question mark.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _refuse_undecoded(arguments: list[str]) -> None:
    """Bytes that are no text come as lone surrogates, which can be neither printed nor sent to the worker."""
    for argument in arguments:
        if any("\udc80" <= character <= "\udcff" for character in argument):
            written = shortened(repr(os.fsencode(argument))[1:])
            raise RequestError(
                f"the argument {written} is not text in {sys.getfilesystemencoding()}; "
                "write it, or rename the file, without those bytes"
            )


def _drop_output() -> None:
    """What is still to be written goes nowhere, so that Python does not complain when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _say(problem: Exception, debug: bool) -> None:
    click.echo(f"nninspect: {problem}", err=True)
    if debug:
        click.echo("".join(getattr(problem, "__notes__", [])), err=True)
        traceback.print_exception(problem)
