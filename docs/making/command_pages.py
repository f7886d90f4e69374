"""A page for each command, from what click knows of it."""

import re
from functools import cache

import click
from making.markdown import as_text

from inspector.cli.main import COMMANDS, main

_WIDTH = 96


@cache
def command_pages() -> dict[str, str]:
    """The pages by their paths."""
    group = click.Context(main, info_name="nninspect")
    return {f"commands/{name}.md": _page(name, group) for name in COMMANDS}


def _page(name: str, group: click.Context) -> str:
    command = main.get_command(group, name)
    assert command is not None
    context = click.Context(command, parent=group, info_name=name, terminal_width=_WIDTH)
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    usage = " ".join(["nninspect", name, *(_argument(one) for one in arguments), "[OPTIONS]"])
    lines = [f"# {name}", "", as_text(re.sub(r"\s+", " ", command.help or "")), "", f"Usage: <code>{usage}</code>", ""]
    lines += ["| option | does |", "|---|---|"]
    lines += [f"| {_names(option, context)} | {_does(option)} |" for option in options]
    return "\n".join([*lines, "", "[Exit statuses](../reference/exit-statuses.md) are the same for all commands."])


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _names(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return f"`{', '.join([*option.opts, *option.secondary_opts])}{value}`".replace("|", "\\|")


def _does(option: click.Option) -> str:
    more = ["may be repeated"] if option.multiple else []
    if option.show_default and option.default is not None:
        more.append(f"`{option.default}` without it")
    return as_text(option.help or "") + (f" ({'; '.join(more)})" if more else "")
