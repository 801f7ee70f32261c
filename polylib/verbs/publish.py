"""The verb `publish`: a finished run as a folder to hand on, and on a model hub. Nothing without its audits."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from polylib.study.terminal import shown_path
from polylib.verbs.options import Folder


def publish(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A finished run's folder, or its name below --folder.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must be empty or not exist.")],
    hub: Annotated[
        str, typer.Option("--hub", metavar="OWNER/NAME", help="Send it to this hub repository too; needs HF_TOKEN.")
    ] = "",
    date: Annotated[str, typer.Option(help="Day of release as YYYY-MM-DD; today (UTC) where left out.")] = "",
    folder: Folder = Path("reports"),
) -> None:
    """Write a run as a folder to hand on: adapters with label, cards, data card, Croissant, SPDX, history, registry.

    Refuses, naming each, where an audit is missing, a label or hash does not fit,
    or the folder holds something. A hub repository that has to be made is private.
    """
    from polylib.augment.teacher.locking import locked
    from polylib.disclose import hub as hubs
    from polylib.disclose.publish import publish as write
    from polylib.disclose.publish import read_run
    from polylib.show.run_folder import find_run

    path = find_run(run, folder)
    reports = path.resolve().parent
    api = hubs.open_hub() if hub else None
    location = hubs.hub_address(api, hub) if api else ""
    day = checked_day(date) if date else f"{datetime.now(UTC):%Y-%m-%d}"
    with locked(reports / ".publish.lock"):
        record = write(read_run(path), to, reports, day, location)
    typer.echo(shown_path(to))
    if api:
        typer.echo(hubs.upload(to, hub, api, f"{record.title}, run {record.released.run}"))


def checked_day(text: str) -> str:
    """Return a day as YYYY-MM-DD; raises PolylibError where it is none."""
    from polylib.errors import PolylibError

    try:
        return datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d")
    except ValueError as error:
        raise PolylibError(f"--date {text!r}", "is no day", allowed="YYYY-MM-DD") from error
