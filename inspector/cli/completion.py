"""`nninspect completion SHELL`: the script that lets tab complete commands, options, files, classes and keys."""

import click
from click.shell_completion import get_completion_class

from inspector.core.errors import ExitStatus

INSTALLING = {
    "bash": 'add this line to ~/.bashrc:  eval "$(nninspect completion bash)"',
    "zsh": 'add this line to ~/.zshrc, after compinit:  eval "$(nninspect completion zsh)"',
    "fish": "run once:  nninspect completion fish > ~/.config/fish/completions/nninspect.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(f"{shell}: {how}" for shell, how in INSTALLING.items()))
@click.argument("shell", type=click.Choice([*INSTALLING]))
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def command(shell: str) -> int:
    """Print the script that completes nninspect in SHELL, and how to install it."""
    from inspector.cli.main import COMPLETE_VARIABLE, main

    known = get_completion_class(shell)
    assert known is not None  # one of click's own
    click.echo(known(main, {}, "nninspect", COMPLETE_VARIABLE).source().rstrip())
    click.echo(f"\n# To have it in every shell, {INSTALLING[shell]}")
    return ExitStatus.DONE
