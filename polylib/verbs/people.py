"""What people are asked: the page on which they judge texts or pairs of answers."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def label(
    tasks: Annotated[Path, typer.Argument(metavar="TASKS", help="JSON lines of what is to be judged.")],
    out: Annotated[Path, typer.Option("--out", help="File of judgements; what is in it is gone on with.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order in which things are shown.")] = 20261122,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine, 0 for any.")] = 0,
    guidelines: Annotated[Path | None, typer.Option(help="Your own guidelines instead of ours.")] = None,
    order: Annotated[
        Literal["declared", "active"], typer.Option(help="active: the pair that teaches most comes next.")
    ] = "declared",
) -> None:
    """Open a page on this machine on which people judge texts or pairs of answers. Ctrl-C ends it."""
    from polylib.feedback.desk import Desk
    from polylib.feedback.page import serve_page
    from polylib.feedback.tasks import read_tasks

    desk = Desk(read_tasks(tasks), out, seed, guidelines, order=order)
    serve_page(desk, lambda address: typer.echo(f"judge here, Ctrl-C ends: {address}"), port)
