"""The verdict of a comparison in words, computed from its differences and facts.

It knows which verdicts there are, not how they were reached. It says first what differs, then what is equal,
then what cannot be told, and what the intervals do not speak of.
"""

from collections.abc import Sequence

from polylib.show.comparison.facts import Fact, StageFact, changed_words
from polylib.show.comparison.metrics import Difference, Metric
from polylib.show.comparison.sides import Side
from polylib.show.words import interval, listed, signed

NAMED = 6  # results that the first sentences name
Judged = tuple[Metric, Difference, str]  # with the letter of the run that is compared with the first


def identical(sides: Sequence[Side], stages: Sequence[StageFact]) -> bool:
    """Tell whether the runs are one run, or wrote the same bytes in every stage."""
    if len({side.run.path for side in sides}) == 1:
        return True
    return bool(stages) and all(stage.outputs == "same bytes" for stage in stages)


def headline(sides: Sequence[Side], stages: Sequence[StageFact], judged: Sequence[Judged]) -> str:
    """Return the verdict as one line."""
    if len({side.run.path for side in sides}) == 1:
        return "A run compared with itself: identical"
    if identical(sides, stages):
        return f"The {_count(sides)} runs are identical: every stage wrote the same bytes"
    groups = by_verdict(judged)
    tested = len(judged) - len(groups["missing"])
    if not tested:
        return "No measured result can be compared"
    against = "" if len(sides) == 2 else f" from run {sides[0].letter}"
    if groups["differs"]:
        return f"{len(groups['differs'])} of {tested} compared results differ{against} beyond their intervals"
    if not groups["unclear"]:
        return f"All {tested} compared results are equal within what was declared"
    return f"None of {tested} compared results differs{against} beyond its interval"


def sentences(
    sides: Sequence[Side], parameters: Sequence[Fact], stages: Sequence[StageFact], judged: Sequence[Judged]
) -> list[str]:
    """Return the verdict in sentences: results, then what differs in what was asked and on what it stands."""
    if len({side.run.path for side in sides}) == 1:
        return ["Both names lead to the same run folder, so nothing can differ."]
    said = [] if identical(sides, stages) else _results(sides, judged)
    return [*said, _asked(sides, parameters, stages), *_caution(judged)]


def by_verdict(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Sort differences by verdict: differs, equal (the same value among them), unclear, missing."""
    groups: dict[str, list[Judged]] = {"differs": [], "equal": [], "unclear": [], "missing": []}
    for one in judged:
        verdict = one[1].verdict
        groups["equal" if verdict == "same" else verdict].append(one)
    return groups


def _results(sides: Sequence[Side], judged: Sequence[Judged]) -> list[str]:
    groups = by_verdict(judged)
    said = []
    if groups["differs"]:
        said.append(f"Beyond their intervals differ: {_named(groups['differs'], len(sides) > 2)}.")
    if groups["equal"]:
        same = sum(difference.verdict == "same" for _, difference, _ in groups["equal"])
        alike = f", {same} of them the same to the last digit" if same else ""
        said.append(f"Equal within the declared margin: {_results_of(groups['equal'])}{alike}.")
    if groups["unclear"]:
        said.append(
            f"Cannot be told: {_results_of(groups['unclear'])}; their differences are neither clear of 0 nor "
            "clearly inside a margin."
        )
    if groups["missing"]:
        said.append(f"Not measured in every run: {_results_of(groups['missing'])}.")
    return said or ["The runs have no measured result in common."]


def _named(judged: Sequence[Judged], several: bool) -> str:
    words = [
        f"{metric.name}{f' in run {letter}' if several else ''} by {signed(one.value)} ({interval(one.low, one.high)})"
        for metric, one, letter in judged[:NAMED]
    ]
    rest = [f"{len(judged) - NAMED} more"] if len(judged) > NAMED else []
    return listed([*words, *rest])


def _results_of(judged: Sequence[Judged]) -> str:
    """Count results by family: `5 of lean on held-out issues and 12 of audits`."""
    families = list(dict.fromkeys(metric.family for metric, *_ in judged))
    counts = {family: sum(metric.family == family for metric, *_ in judged) for family in families}
    words = listed([f"{count} of “{family}”" for family, count in counts.items()])
    return f"{len(judged)} result{'s' if len(judged) > 1 else ''} ({words})"


def _asked(sides: Sequence[Side], parameters: Sequence[Fact], stages: Sequence[StageFact]) -> str:
    commits = {str(side.manifest.get("commit") or "") for side in sides}
    dirty = any(side.manifest.get("dirty") for side in sides)
    code = "the same commit" if len(commits) == 1 and "" not in commits else "different commits"
    code = "commits that are not recorded" if "" in commits else code
    changed = len({fact.name for fact in parameters})
    asked = f"{changed} parameter{'s' if changed != 1 else ''} ({changed_words(parameters)})" if changed else ""
    same = sum(stage.outputs == "same bytes" for stage in stages)
    return (
        f"{_letters(sides)} differ in {asked or 'no parameter'}, ran on {code}"
        f"{', with uncommitted changes' if dirty else ''}, and wrote the same bytes in {same} of {len(stages)} stages."
    )


def _caution(judged: Sequence[Judged]) -> list[str]:
    if not any(difference.how for _, difference, _ in judged):
        return []
    return [
        "Intervals speak of the choice of issues, items and answers, not of other seeds: one run of each kind cannot "
        "tell what a parameter does from what another seed would do."
    ]


def _letters(sides: Sequence[Side]) -> str:
    return f"Runs {listed([side.letter for side in sides])}"


def _count(sides: Sequence[Side]) -> str:
    return "two" if len(sides) == 2 else str(len(sides))
