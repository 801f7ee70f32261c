"""Write what other engines serve of a run, each part with its label."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from polylib.study.terminal import shown_path
from polylib.verbs.options import Folder, Source, source_folder


def export(
    source: Source,
    to: Annotated[Path, typer.Option("--to", help="A new or an empty folder.")],
    target: Annotated[
        Literal["vllm", "llama.cpp", "merged"],
        typer.Option(
            "--for",
            help="vllm: adapter folders (vLLM itself is not tested); llama.cpp: GGUF adapters of Llama-architecture "
            "bases, needs the package gguf (tested by hand with the reference model only); merged: whole models.",
        ),
    ],
    blends: Annotated[
        list[float] | None,
        typer.Option("--blend", help="Share of the conservative adapter in a blend; may be repeated. Example: 0.5"),
    ] = None,
    model: Annotated[str, typer.Option(help="The base; what the labels name where left out.")] = "",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    folder: Folder = Path("reports"),
) -> None:
    """Write the adapters of a run as other engines serve them, with labels and the exact commands.

    The last line printed is the page with the commands; it says what was tested
    and what was not. A label that is missing or does not fit stops the export,
    and nothing is written then.
    """
    from polylib.serve.export import export_run

    place = source_folder(source, folder)
    typer.echo(shown_path(export_run(place, to, target, tuple(blends or ()), model, threads)))
