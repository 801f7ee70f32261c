"""What workers and nodes gain a sweep, what a lost node costs it, and whether kernels collide.

Usage: `python benchmarks/sweep.py [--runs 12] [--until STAGE] [--vary STAGE] [--rounds 1] [--ray] [--lose-node]
[--kernels 200]`

Without options: a sweep of twelve runs of the small study (`params/smoke.yaml`) that differ in a parameter of the
last stage and share all before it, serial (one worker, one stage at a time) against two worker processes. Each
run has one core in both, and each round starts from an empty store. Rounds alternate. The bar is 1.7.
`--vary STAGE`: the runs differ in the seed of an earlier stage instead, so that less is shared and less is waited for.
`--ray`: the same on a Ray cluster of one simulated node with one CPU against two such nodes (bar 1.8); with
`--lose-node` a node is killed once two runs are on their way, and the results must be the same as before.
`--kernels N`: N Jupyter kernels launched by the runner's own means, eight at once; none may fail.
On a machine that is busy with other work the ratio says less: the load is printed with it.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from polylib.files import read_json, sha256_json, write_text  # noqa: E402
from polylib.study.kernel import private_kernel  # noqa: E402
from polylib.study.process import cores  # noqa: E402
from polylib.study.stages import default_project  # noqa: E402
from polylib.study.sweep.engine import Backend, RunState, Sweep, counts  # noqa: E402
from polylib.study.sweep.grid import read_plan  # noqa: E402
from polylib.study.sweep.processes import ProcessBackend  # noqa: E402

BARS = {"processes": 1.7, "ray": 1.8}
AT_ONCE = 8  # kernels launched at the same time
# What sets the runs apart: a number that the stage reads and that changes none of its work, by the last stage.
VARIED = {"20-curate-data": "maximum_megabytes", "70-measure-bias": "draws", "80-audit-safety": "draws"}


class Silent:
    """A watcher that kills a node when told to, and says nothing."""

    def __init__(self, lose: Any = None) -> None:
        """lose: called once, when two runs are on their way."""
        self._lose = lose

    def update(self, states: list[RunState]) -> None:
        """Look whether the time has come."""
        if self._lose and sum(bool(state.note) for state in states if state.state == "running") > 1:
            self._lose()
            self._lose = None


def swept(folder: Path, file: Path, backend: Backend, watcher: Silent) -> tuple[float, str]:
    """Run the sweep on an empty store; return its seconds and the hash of all that it measured."""
    project = default_project(folder)
    sweep = Sweep(project, read_plan(project, file, 1))
    sweep.resume()
    begun = time.perf_counter()
    sweep.run(backend, watcher)
    seconds = time.perf_counter() - begun
    sweep.release()
    if counts(sweep.states) != {"finished": len(sweep.states)}:
        raise SystemExit(f"not all runs finished: {[state.result for state in sweep.states]}")
    found = {}
    for state in sweep.states:
        manifest = read_json(project.reports / state.result.folder / "manifest.json")  # type: ignore[union-attr]
        found[state.run.name] = [(stage["id"], stage["output_hash"]) for stage in manifest["stages"]]
    return seconds, sha256_json(found)


def on_ray(folder: Path, file: Path, nodes: int, lose: bool) -> tuple[float, str]:
    """Run the sweep on a cluster of simulated nodes with one CPU each, and lose one of them on the way."""
    from polylib.study.sweep.ray_cluster import RayBackend, import_ray

    import_ray(existing=False)  # so that the nodes get a token and stay on loopback
    from ray.cluster_utils import Cluster  # type: ignore[import-not-found, unused-ignore]

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        workers = [cluster.add_node(num_cpus=1) for _ in range(nodes)]
        backend = RayBackend(ROOT, 0, 1, 0, cluster.address)

        def kill() -> None:
            """End a node's processes at once, and put a new one in its place."""
            cluster.remove_node(workers[-1], allow_graceful=False)
            cluster.add_node(num_cpus=1)

        try:
            return swept(folder, file, backend, Silent(kill if lose else None))
        finally:
            backend.close()
    finally:
        cluster.shutdown()


async def _launch(number: int, slots: asyncio.Semaphore, folder: Path) -> str:
    """Launch a kernel in a socket folder of its own, ask it for a sum, end it; return what went wrong."""
    async with slots:
        with tempfile.TemporaryDirectory(prefix="polylib-", dir=folder, ignore_cleanup_errors=True) as sockets:
            manager = private_kernel(Path(sockets))
            try:
                await manager.start_kernel(env={**os.environ, "OMP_NUM_THREADS": "1"})
                client = manager.client()
                client.start_channels()
                await client.wait_for_ready(timeout=300)
                reply = await client.execute_interactive(
                    f"print({number} + 1)", timeout=120, output_hook=lambda _: None
                )
                client.stop_channels()
                return "" if reply["content"]["status"] == "ok" else f"kernel {number}: {reply['content']}"
            except Exception as error:
                return f"kernel {number}: {error!r}"
            finally:
                await manager.shutdown_kernel(now=True)


async def _launches(count: int) -> list[str]:
    slots = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory(prefix="polylib-kernels-") as name:
        return list(await asyncio.gather(*(_launch(number, slots, Path(name)) for number in range(count))))


def launch_kernels(count: int) -> int:
    """Launch `count` kernels, eight at once, and return how many failed."""
    begun = time.perf_counter()
    failed = [said for said in asyncio.run(_launches(count)) if said]
    print(f"{count} kernels, {AT_ONCE} at once, {time.perf_counter() - begun:.0f} s: {len(failed)} failed")
    for said in failed[:5]:
        print(said)
    return len(failed)


def sweep_file(folder: Path, runs: int, until: str, vary: str = "") -> Path:
    """Write a sweep of `runs` runs of the small study that differ in one value of the last stage, or a seed before."""
    last = next((name for name in VARIED if name.startswith(until)), until)
    section, key = (vary, "seed") if vary else (last, VARIED.get(last, "seed"))
    first = {"maximum_megabytes": 64, "draws": 500}.get(key, 1)
    values = [first + number for number in range(runs)]
    path = folder / "benchmark.yaml"
    lines = f"base: [params/smoke.yaml]\ngrid: {{{section}.{key}: {values}}}\nuntil: {last}\n"
    write_text(path, lines)
    return path


def main() -> int:
    """Measure, print, and return 1 where a bar is missed or results differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--until", default="70-measure-bias", help="last stage; it is the one that differs")
    parser.add_argument("--vary", default="", help="section of an earlier stage whose seed differs instead")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="simulated nodes of a Ray cluster instead of processes")
    parser.add_argument("--lose-node", action="store_true", help="kill a node in a third sweep (with --ray)")
    parser.add_argument("--kernels", type=int, default=0, help="launch that many kernels instead")
    asked = parser.parse_args()
    if asked.kernels:
        return 1 if launch_kernels(asked.kernels) else 0
    kind = "ray" if asked.ray else "processes"
    seconds: dict[int, list[float]] = {1: [], 2: []}
    hashes = set()
    with tempfile.TemporaryDirectory(prefix="polylib-benchmark-") as name:
        folder = Path(name)
        file = sweep_file(folder, asked.runs, asked.until, asked.vary)
        for number in range(asked.rounds):
            for share in (1, 2) if number % 2 == 0 else (2, 1):
                to = folder / f"{number}-{share}"
                if asked.ray:
                    took, found = on_ray(to, file, share, False)
                else:
                    took, found = swept(to, file, ProcessBackend(ROOT, share), Silent())
                seconds[share].append(took)
                hashes.add(found)
                print(f"{kind}, {share} at once: {took:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        if asked.ray and asked.lose_node:
            took, found = on_ray(folder / "lost", file, 2, True)
            hashes.add(found)
            print(f"ray, 2 at once, one node killed: {took:.1f} s")
    ratio = statistics.median(seconds[1]) / statistics.median(seconds[2])
    holds = ratio >= BARS[kind] and len(hashes) == 1
    print(f"{asked.runs} runs, {cores()} cores: {ratio:.2f} times faster, bar {BARS[kind]}; results "
          f"{'the same' if len(hashes) == 1 else 'DIFFER'}: {'holds' if holds else 'missed'}")  # fmt: skip
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
