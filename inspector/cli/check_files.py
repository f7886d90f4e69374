"""`nninspect check-files FILE…`: `check` for each of several files, as a pre-commit hook calls it."""

import click

from inspector.cli import check, options
from inspector.core.check_configuration import FAIL_ON
from inspector.core.errors import ExitStatus, ModelEndedError, NoOneModelError, RequestError
from inspector.core.findings import CheckReport
from inspector.core.recipe import Recipe


@click.command("check-files")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="As of `check`.")
@click.option("--select", metavar="RULES", multiple=True, help="Only these.")
@click.option("--ignore", metavar="RULES", multiple=True, help="Not these.")
@click.option("--format", "form", type=click.Choice(["text", "github"]), help="As of `check`.")
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    files: tuple[str, ...],
    fail_on: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    form: str | None,
    json: bool,
) -> int:
    """Check each of several files of weights or models; the status is that of the worst. For pre-commit.

    Of a Python file every model that needs no arguments; one without any is passed over.
    """
    if json and form is not None:
        raise RequestError(f"--json and --format {form} exclude each other; leave one out")
    told: list[tuple[str, CheckReport | str]] = []

    def checked(target: str) -> int:
        if form != "github" and not json:
            click.echo(f"{target}:")
        recipe = Recipe(target=target, typed=context.obj or [])
        try:
            with check.refusal_printed(form, target):
                report, status = check.checked(recipe, None, fail_on, select, ignore)
        except NoOneModelError as problem:
            if not problem.models:
                click.echo(f"nninspect: passed over: {str(problem).splitlines()[0]}", err=True)
            return max((checked(f"{target}:{name}") for name in problem.models), default=ExitStatus.DONE)
        except (RequestError, ModelEndedError) as problem:
            click.echo(f"nninspect: {problem}", err=True)
            told.append((target, str(problem)))
            return ExitStatus.MODEL_ENDED if isinstance(problem, ModelEndedError) else ExitStatus.REFUSED
        told.append((target, report))
        if not json:
            check.PRINTERS[form or "text"](report, target)
        return status

    worst = max(map(checked, files))
    if json:
        from inspector.report.documents import check_files_document

        click.echo(check_files_document(told))
    return worst
