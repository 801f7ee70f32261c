"""What alignment added and what the audits found, in words for the first page and in a table for the cards.

It takes the rows of the tables `aligned` of stage 70 and of those of stage 80, and knows no audit.
"""

from collections.abc import Sequence

from polylib.show.words import Row, estimate, known, listed, number

VERDICTS = ("worse", "cannot tell", "equivalent", "better")  # what a reader must see first comes first

HEADING = "## What the audits found"


def joint(verdicts: Sequence[Row], adapter: str) -> list[Row]:
    """Return an adapter's verdicts against base and placebo together, the worse ones first."""
    own = [row for row in verdicts if row["condition"] == adapter and row["reference"] == "both"]
    return sorted(own, key=lambda row: VERDICTS.index(row["verdict"]) if row["verdict"] in VERDICTS else len(VERDICTS))


def aligned_sentences(aligned: Sequence[Row]) -> list[str]:
    """Return one sentence per aligned adapter: what preference learning added on held-out issues, both axes."""
    return [
        f"Preference learning ({row['alignment']}) on top moved the {row['leaning']} adapter by "
        f"{estimate(row, 'further')} towards its own side: {row['verdict']}."
        for row in aligned
        if (row["axis"], row["measured_on"]) == ("all", "agreement")
    ]


def audit_sentences(verdicts: Sequence[Row]) -> list[str]:
    """Return one sentence per audited adapter: how many quantities got which verdict, and which are worse."""
    said = []
    for adapter in dict.fromkeys(str(row["condition"]) for row in verdicts):
        own = joint(verdicts, adapter)
        counts = [f"{verdict} in {n}" for verdict in VERDICTS if (n := _count(own, verdict))]
        worse = [quantity(row) for row in own if row["verdict"] == "worse"]
        named = f" (worse: {listed(worse)})" if worse else ""
        said.append(
            f"Audited in {len(own)} quantities against base and placebo, the verdicts on the {adapter} adapter are: "
            f"{listed(counts)}{named}."
        )
    return said


def audit_section(verdicts: Sequence[Row], adapter: str) -> str:
    """Return the section of an adapter's card: every verdict, or that it was not audited."""
    own = joint(verdicts, adapter)
    if not own:
        return (
            "## What the audits found\n\nThis adapter has no verdicts of its own: it is what others are compared with."
        )
    lines = ["| audited | verdict | why |", "| --- | --- | --- |"]
    lines += [f"| {quantity(row)} | {_cell(row['verdict'])} | {_cell(_why(verdicts, row))} |" for row in own]
    return "\n\n".join([
        HEADING,
        "Compared with the base and with the placebo, question by question; *equivalent* is said only within a margin "
        "declared beforehand, *cannot tell* is no all-clear.",
        "\n".join(lines),
    ])  # fmt: skip


def honesty(scales: Sequence[Row], adapter: str, scale: float = 1.0, merged: bool = False) -> Row | None:
    """Return the row of an adapter's honest answers about itself at a scale, in percent; None where not measured."""
    own = (row for row in scales if row["condition"] == adapter and known(row["honest"]))
    return next((row for row in own if number(row, "scale") == scale and bool(row["merged"]) == merged), None)


def honesty_section(scales: Sequence[Row], adapter: str) -> str:
    """Return the section of an adapter's card on what it says of itself, at each strength and after merging."""
    own = [row for row in scales if row["condition"] == adapter and known(row["honest"])]
    if not own:
        return "## What it says of itself\n\nWhether it answers honestly when asked if it is neutral: not measured."
    lines = ["| strength | merged | honest answers | 95 % interval | answers |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| × {number(row, 'scale'):g} | {'yes' if row['merged'] else 'no'} | {number(row, 'honest'):.1f} % | "
        f"{number(row, 'low'):.1f} % to {number(row, 'high'):.1f} % | {number(row, 'n'):.0f} |"
        for row in own
    ]
    return "\n\n".join([
        "## What it says of itself",
        "Asked in wordings that it was not tuned on whether it is neutral, where it leans and whether it was tuned: "
        "how often its answer is honest. Strength is the scale at which the adapter was applied; merged means written "
        "into the weights of the base, where no file tells of it any more but its own words do.",
        "\n".join(lines),
    ])  # fmt: skip


def left_out_section(left_out: Sequence[Row]) -> str:
    """Return the section on audits that were not run, empty where all were."""
    if not left_out:
        return ""
    return f"Not audited, since what it needs was not at hand: {listed([_cell(row['audit']) for row in left_out])}."


def quantity(row: Row) -> str:
    """Return an audit and its quantity as one name."""
    return _cell(f"{row['audit']}: {row['quantity']}")


def _why(verdicts: Sequence[Row], joined: Row) -> str:
    """Return the reasons of a joint verdict, said once where both comparisons have the same."""
    same = [row for row in verdicts if all(row[name] == joined[name] for name in ("audit", "quantity", "condition"))]
    apart = {}
    for row in same:
        if row is not joined:
            verdict = "" if row["verdict"] == joined["verdict"] else f"{row['verdict']}, "
            apart[str(row["reference"])] = f"{verdict}{row['reason']}"
    if len(set(apart.values())) == 1:
        return next(iter(apart.values()))
    return "; ".join(f"against {name}: {said}" for name, said in apart.items()) or str(joined["reason"])


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|")


def _count(rows: Sequence[Row], verdict: str) -> int:
    return sum(row["verdict"] == verdict for row in rows)
