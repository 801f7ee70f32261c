"""Serve the adapters of a run to people and programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from polylib.verbs.options import Folder, Source, source_folder


def serve(
    source: Source,
    model: Annotated[str, typer.Option(help="The base; what the labels name where left out.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Any but this machine's own lets others in, unencrypted.")] = "127.0.0.1",
    names: Annotated[list[str] | None, typer.Option("--name", help="Further host name; may be repeated.")] = None,
    per_minute: Annotated[int, typer.Option(min=1, help="Requests of one address in a minute.")] = 1200,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    router: Annotated[
        Literal["gate", "arrow"],
        typer.Option(help="gate (trained at its first question) or arrow (training-free, a second base)."),
    ] = "gate",
    folder: Folder = Path("reports"),
) -> None:
    """Serve base, adapters and blends: a page for people and an OpenAI-compatible API, each answer with its label.

    Ctrl-C ends it. It listens on this machine alone, and answers nobody without the key that it prints.
    """
    from polylib.serve.catalogue import open_catalogue
    from polylib.serve.limits import Limits
    from polylib.serve.server import Address, serve_catalogue

    catalogue = open_catalogue(source_folder(source, folder), model, threads, router)

    def announce(address: Address) -> None:
        if host not in ("127.0.0.1", "localhost", "::1"):
            typer.echo(f"Warning: {host} may be reached from other machines; the key travels unencrypted.", err=True)
        typer.echo(f"page      {address.page}\nbase_url  {address.api}\napi_key   {address.key}\nCtrl-C ends it.")

    def complain(line: str) -> None:
        typer.echo(line, err=True)

    serve_catalogue(catalogue, announce, complain, port, host, tuple(names or ()), Limits(per_minute=per_minute))
