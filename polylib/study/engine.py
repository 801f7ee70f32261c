"""Executes one notebook with papermill, in a process of its own, and says honestly how it went.

Run as `python -m polylib.study.engine JOB.json`. It knows a job (notebook, parameters, folder,
time limit), not stages or keys. Papermill calls cells "completed" after a dead kernel or a
timeout; here every bad end is written into its cell, and the verdict goes to `result.json`.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polylib.files import read_json, write_json
from polylib.orphans import watch_parent
from polylib.study.provisioner import ForkedKernel, prepared_kernel

_TEXT_LIMIT = 200_000  # characters of printed text kept per cell: a runaway loop must not fill the disk
_PROGRESS_INTERVAL = 0.25  # seconds between two progress notes


class StageEngine:
    """A papermill engine: private kernel, one deadline for the notebook, honest ends, live progress."""

    def __init__(self, folder: Path, timeout: float, kernel: ForkedKernel | None = None) -> None:
        """folder: the stage's, for progress; timeout: of the whole notebook; kernel: to use, else a new one."""
        self.folder, self.timeout, self.kernel = folder, timeout, kernel
        self.deadline, self._noted = time.monotonic() + timeout, 0.0
        self.error: dict[str, Any] | None = None

    def nb_kernel_name(self, nb: Any, name: str | None = None) -> str:
        """Name a kernel for papermill, which only looks up its language by it."""
        return name or "python3"

    def nb_language(self, nb: Any, language: str | None = None) -> str:
        """Name the language of the parameter cell."""
        return language or "python"

    def execute_notebook(self, nb: Any, kernel_name: str, output_path: str | None = None, **_: Any) -> Any:
        """Execute `nb` cell by cell up to the first bad end, which goes to `error`."""
        from nbclient import NotebookClient
        from papermill.engines import NotebookExecutionManager  # type: ignore[import-untyped]

        record = NotebookExecutionManager(nb, output_path=output_path, progress_bar=False)
        record.notebook_start()
        with tempfile.TemporaryDirectory(prefix="polylib-", ignore_cleanup_errors=True) as sockets:
            manager, options = prepared_kernel(Path(sockets), self.kernel)
            client = NotebookClient(nb, km=manager, startup_timeout=120)
            client.timeout_func = lambda _cell: max(1, round(self.deadline - time.monotonic()))
            client.process_message = self._watch(client, record)  # type: ignore[method-assign]
            with client.setup_kernel(cleanup_kc=True, cwd=os.getcwd(), **options):
                for index, cell in enumerate(nb.cells):
                    record.cell_start(cell, index)
                    self._note(index, len(nb.cells), "", force=True)
                    self.error = self._execute_cell(client, cell, index)
                    if self.error:
                        record.cell_exception(cell, index)
                        break
                    record.cell_complete(cell, index)
        record.notebook_complete()
        return record.nb

    def _execute_cell(self, client: Any, cell: Any, index: int) -> dict[str, Any] | None:
        """Execute one cell; return None or {"kind", "message", "cell"}: how it ended, and its number."""
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
        from nbformat.v4 import new_output

        try:
            client.execute_cell(cell, index)
            return None
        except CellExecutionError as error:
            kind, message = "cell-error", f"{error.ename}: {error.evalue}"
        except CellTimeoutError:
            kind, message = "timeout", f"stopped after the stage's limit of {self.timeout:g} s"
        except DeadKernelError:
            kind, message = "dead-kernel", "the kernel died (out of memory, or killed from outside)"
        if kind != "cell-error":  # papermill would show a cell without an error
            shown = new_output("error", ename=kind, evalue=message, traceback=[message])  # type: ignore[no-untyped-call]
            cell.outputs.append(shown)
        number = sum(before.cell_type == "code" for before in client.nb.cells[: index + 1])
        return {"kind": kind, "message": message, "cell": number}

    def _watch(self, client: Any, record: Any) -> Callable[..., Any]:
        """Wrap the client's message handler: note the last printed line, cap printed text per cell."""
        handle, printed = client.process_message, dict[int, int]()

        def _process(message: Any, cell: Any, index: int) -> Any:
            if message["msg_type"] == "stream":
                text = message["content"]["text"]
                printed[index] = printed.get(index, 0) + len(text)
                self._note(index, len(record.nb.cells), text)
                if printed[index] > _TEXT_LIMIT:
                    return None
            result = handle(message, cell, index)
            record.autosave_cell()
            return result

        return _process

    def _note(self, index: int, cells: int, text: str, force: bool = False) -> None:
        if force or time.monotonic() - self._noted > _PROGRESS_INTERVAL:
            self._noted = 0.0 if force else time.monotonic()  # a cell's first printed line is always noted
            lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
            note = {"cell": index, "cells": cells, "text": lines[-1][:200] if lines else ""}
            (self.folder / "progress.json").write_text(json.dumps(note), encoding="utf-8")


def main(path: str, kernel: ForkedKernel | None = None) -> int:
    """Execute the job file at `path`, save the executed notebook at every cell, the verdict at the end."""
    watch_parent()
    # Left to itself jsonschema compiles a grammar of web addresses for a second, at every stage's start.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import papermill  # type: ignore[import-untyped]
    from papermill.engines import papermill_engines

    job = read_json(Path(path))
    engine = StageEngine(Path(job["folder"]), job["timeout"], kernel)
    papermill_engines._engines["polylib"] = engine
    names = {"engine_name": "polylib", "kernel_name": "python3", "language": "python"}
    try:
        papermill.execute_notebook(job["notebook"], job["output"], job["parameters"], progress_bar=False, **names)
    except papermill.PapermillExecutionError:
        if not engine.error:
            raise
    write_json(engine.folder / "result.json", {"error": engine.error})
    return 1 if engine.error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
