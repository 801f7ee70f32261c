"""Says what a sweep would do before it starts: its runs, and how often each stage is computed.

It knows plans and parameters; durations are those that the progress display expects.
"""

from collections.abc import Iterator, Mapping

from polylib.files import sha256_json
from polylib.parameters import StageParameters
from polylib.study.progress import Clock, duration
from polylib.study.stages import Project
from polylib.study.sweep.engine import Verifier
from polylib.study.sweep.grid import Plan


def lines(project: Project, plan: Plan) -> Iterator[str]:
    """Yield the lines of `sweep --dry-run`; nothing is started.

    A stage counts once for runs that give it, and all stages before it, the same parameters; it may turn out
    that even fewer are needed, where other parameters lead to the same outputs.
    """
    check = Verifier(project, plan.until)
    stages = project.upto(plan.until)
    needed: dict[str, set[str]] = {stage.id: set() for stage in stages}
    yield f"{len(plan.runs)} runs, each with at most {plan.threads} threads"
    width = max(len(run.name) for run in plan.runs)
    for run in plan.runs:
        pending = set(check.pending(run))
        for stage_id, lineage in lineages(project, plan, run.parameters).items():
            if stage_id in pending:
                needed[stage_id].add(lineage)
        yield f"  {run.name:<{width}}  {f'{len(pending)} of {len(stages)} stages' if pending else 'unchanged'}"
    expected = Clock(project, stages, 1).expected
    width = max(len(stage.id) for stage in stages)
    for stage in stages:
        times = len(needed[stage.id])
        said = "once" if times == 1 else f"{times} times"
        yield f"  {stage.id:<{width}}  computed {said}, about {duration(times * expected[stage.id])}"
    total = sum(len(needed[stage.id]) * expected[stage.id] for stage in stages)
    yield f"about {duration(total)} for one worker, one stage at a time"


def lineages(project: Project, plan: Plan, parameters: Mapping[str, StageParameters]) -> dict[str, str]:
    """Return {stage id: hash of its own and all earlier stages' parameters that it depends on}."""
    found: dict[str, str] = {}
    for stage in project.upto(plan.until):
        own = parameters[stage.id].model_dump()
        found[stage.id] = sha256_json([stage.id, own, [found[read] for read in stage.reads]])
    return found
