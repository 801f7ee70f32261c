"""How the engine starts its kernel: a process forked for it beforehand, or a new one.

It knows Jupyter's kernel manager and process ids, no notebook.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.orphans import die_with_parent
from polylib.study.kernel import private_kernel

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager


class ForkedKernel:
    """A child of this process that waits to become a kernel; afterwards what jupyter_client asks of a Popen."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, pipe: int) -> None:
        """pid: of the child; pipe: descriptor of its standard input, on which it waits for its order."""
        self.pid, self._pipe = pid, pipe
        self.returncode: int | None = None

    def become(self, command: list[str], environment: Mapping[str, str], cwd: str) -> None:
        """Let it be the kernel of `command` (`python -m ipykernel_launcher ...`)."""
        argv = [str(find_spec(command[2]).origin), *command[3:]]  # type: ignore[union-attr]
        order = {"argv": argv, "environment": dict(environment), "cwd": cwd}
        with open(self._pipe, "wb") as stream:
            stream.write(json.dumps(order).encode() + b"\n")

    def poll(self) -> int | None:
        """Return the exit code once it has ended (minus the signal if one killed it), else None."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code; TimeoutExpired after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended: until its end was seen here, the id is its own."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def prepared_kernel(sockets: Path, kernel: ForkedKernel | None) -> tuple["AsyncKernelManager", dict[str, Any]]:
    """Return a manager for `kernel`, or for a new one, and what it is to be told when it starts it.

    sockets: folder for the connection file and the sockets.
    """
    manager = private_kernel(sockets)
    if kernel is not None:
        manager.kernel_id = f"forked-{kernel.pid}"
        manager.provisioner = _provisioner(manager, kernel)
        return manager, {}
    start = functools.partial(die_with_parent, os.getpid()) if sys.platform == "linux" else None
    return manager, {"preexec_fn": start}


def _provisioner(manager: "AsyncKernelManager", kernel: ForkedKernel) -> Any:
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class ForkedProvisioner(LocalProvisioner):
        """Jupyter's own, for a process that is there already (and no second one: kernels are not restarted)."""

        async def launch_kernel(self, cmd: list[str], **settings: Any) -> Any:
            """Tell the waiting process which kernel to become."""
            environment = {**settings["env"], "JPY_PARENT_PID": str(os.getpid())}  # as jupyter_client's launcher
            kernel.become(cmd, environment, str(settings.get("cwd") or os.getcwd()))
            # The kernel made a group of its own before it read its order, but maybe not before this line.
            self.process = kernel  # type: ignore[assignment]
            self.pid = self.pgid = kernel.pid
            self.cwd = settings.get("cwd")
            return self.connection_info

    return ForkedProvisioner(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)
