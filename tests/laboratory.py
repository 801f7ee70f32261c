"""A real JupyterLab on loopback for tests of widgets: start it, open a notebook of one cell, run the cell."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab of its own, which works in `folder / work`."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
         "--ServerApp.port=0", "--IdentityProvider.token=test", f"--ServerApp.root_dir={work}",
         "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        cwd=work, env={**os.environ, **own, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    url = ""
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab", line):
            url = found.group()
            break
    try:
        yield url
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def run_cell(page: Any, laboratory: str, folder: Path, name: str, code: str, awaited: Any) -> None:
    """Write a notebook of one cell to `folder / work`, open it in a workspace of its own, and run the cell.

    awaited: locator of what the cell shows. JupyterLab drops a key that comes while it still builds the page, and asks
    which kernel is meant where one starts slowly: both are tried again.
    """
    import nbformat
    import playwright.sync_api as playwright

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "work" / f"{name}.ipynb")
    page.goto(f"{laboratory}/workspaces/{name}/tree/{name}.ipynb?token=test")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached", timeout=90_000)
    for _ in range(12):
        if page.locator("dialog.jp-Dialog").count():
            page.keyboard.press("Enter")  # the kernel that is named
        try:
            page.locator(".jp-Notebook .cm-content").first.click(timeout=8_000)
            page.keyboard.press("Shift+Enter")
            awaited.wait_for(timeout=12_000)
            return
        except playwright.TimeoutError:
            continue
    awaited.wait_for(timeout=1_000)
