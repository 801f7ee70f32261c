"""Score answers from files with published instruments, list them, and fetch licensed ones. No model is needed."""

from pathlib import Path
from typing import Annotated

import typer

from polylib.study.terminal import open_console, show_table, shown_path

app = typer.Typer(help="Published instruments: what there is, and how to fetch it.")


def score(
    instrument: Annotated[str, typer.Argument(help="Name of an instrument; `instruments` lists them.")],
    data: Annotated[Path, typer.Option(help="The instrument's own material.")],
    responses: Annotated[Path, typer.Option(help="Answers to it, whoever gave them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 20261122,
) -> None:
    """Score answers from files with a published instrument. No model is needed."""
    from polylib.study.scoring import scored, scored_json, scored_table

    chosen, rows = scored(instrument, data, responses, seed)
    if as_json:
        typer.echo(scored_json(chosen, rows))
        return
    typer.echo(f"{chosen.title}, {chosen.version}\nscale: {chosen.scale}\nsource: {chosen.citation}")
    show_table(open_console(), scored_table(rows))


@app.callback(invoke_without_command=True)
def instruments(context: typer.Context) -> None:
    """List the instruments: what they measure, their scale, their licence, and the files they score."""
    if context.invoked_subcommand is None:
        from polylib.study.scoring import instrument_lines

        for line in instrument_lines():
            typer.echo(line)


@app.command("get")
def instruments_get(
    name: Annotated[str, typer.Argument(help="Name of a publication, e.g. xstest; a wrong one lists them all.")],
    into: Annotated[
        Path, typer.Option("--into", help="Folder; the publication gets a folder of its own in it.")
    ] = Path("instruments"),
    accept: Annotated[bool, typer.Option("--accept", help="You have read the licence and accept it.")] = False,
) -> None:
    """Fetch a licensed publication by pinned address and SHA-256, after its licence was shown and accepted."""
    from polylib.measure.instruments.fetch import fetch, find_publication, licence_text

    typer.echo(licence_text(find_publication(name)))
    done = fetch(name, into, accept)
    typer.echo(f"{len(done.written)} files fetched, {len(done.kept)} were there already")
    typer.echo(shown_path(done.folder))
