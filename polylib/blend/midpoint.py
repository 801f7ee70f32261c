"""Is the middle of the dial moderate or a coin toss? Lean, spread and heaps at every point.

Two models with a mean of 0 can differ in everything: one finds mild answers likely, the other finds "strongly agree"
as likely as "strongly disagree" and tosses a coin each time it is asked. The mean cannot tell them apart, so other
quantities stand beside it, all of the position of a single answer in [-1, 1] towards conservative, as a reader
meets it: its standard deviation (`spread`), the part of it within one and the same question (`within`), how often
two answers to one question take opposite sides (`flip`), how many answers are strong ones, and the bimodality
coefficient. The dip test asks of the propositions' stances whether they fall into two heaps. It knows item rows
(`measure_dial`), not how they were made. Options are forced: four answers without a middle one, so no answer lies
nearer to 0 than a third.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from polylib.bank.wordings import WEIGHTS
from polylib.blend.bimodality import dip_test, null_dips
from polylib.measure.battery import LOG_COLUMNS
from polylib.measure.dose_response import dose_monotonicity
from polylib.measure.statistics import cluster_bootstrap, cluster_means, cluster_replicates, interval
from polylib.measure.validity import ValidityScore
from polylib.show.words import estimate, listed, number, percent, pick, plain, rows_of, signed

if TYPE_CHECKING:
    import numpy
    import pandas
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

POWERS = (1, 2, 3, 4)
COLUMNS = (*(f"power_{power}" for power in POWERS), "within", "flip", "strong")
MIDDLE, ENDS = 0.5, (0.0, 1.0)
STRONG = 0.99
TOSS, MODERATE, UNDECIDED = "a coin toss", "moderate", "undecided"
DIP_DRAWS = 2000
ALPHA = 0.05


def answer_moments(items: "pandas.DataFrame") -> "pandas.DataFrame":
    """Return one row per condition, scale and proposition with means over its items of what single answers do.

    Columns: issue; power_1 to power_4, raw moments of an answer's position in [-1, 1] (power_1 is the mean);
    within, its variance within an item; flip in [0, 0.5], the probability that two answers to an item take opposite
    sides; strong, the probability of "strongly". Probabilities are renormalised over the four options.
    """
    frame = items[["condition", "scale", "issue", "proposition"]].copy()
    return _by_proposition(_with_moments(frame, _shares(items), _places(items)))


def _shares(items: "pandas.DataFrame") -> "Floats":
    """Return the probabilities of the four options, renormalised, shape (n_items, 4)."""
    import numpy

    logs = items[list(LOG_COLUMNS)].to_numpy(float)
    shares = numpy.exp(logs - logs.max(axis=1, keepdims=True))
    return numpy.asarray(shares / shares.sum(axis=1, keepdims=True))


def _places(items: "pandas.DataFrame") -> "Floats":
    """Return the position of each option in [-1, 1] towards conservative, shape (n_items, 4)."""
    import numpy

    towards = ((items["key"] == "conservative") == (items["side"] == "statement")).to_numpy()
    return numpy.asarray(numpy.where(towards, 1.0, -1.0)[:, None] * numpy.asarray(WEIGHTS))


def _with_moments(frame: "pandas.DataFrame", shares: "Floats", places: "Floats") -> "pandas.DataFrame":
    import numpy

    for power in POWERS:
        frame[f"power_{power}"] = (shares * places**power).sum(axis=1)
    frame["within"] = frame["power_2"] - frame["power_1"] ** 2
    left, right = (numpy.where(sign * places > 0, shares, 0.0).sum(axis=1) for sign in (-1, 1))
    frame["flip"] = 2 * left * right
    frame["strong"] = numpy.where(numpy.abs(places) > STRONG, shares, 0.0).sum(axis=1)
    return frame


def _by_proposition(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    return frame.groupby(["condition", "scale", "issue", "proposition"], sort=False).mean().reset_index()


def both_sides_moments(items: "pandas.DataFrame", shares: Sequence[float]) -> "pandas.DataFrame":
    """Return the rows of `answer_moments` for a reply that holds an answer of each adapter, condition `both_sides`.

    Such a reply (`mixing.both_sides`) takes a side only so far as its two answers do not balance: its position is
    their mean, weighed by the share, the two drawn apart. items: rows of the dial with shares 0 and 1; strong: both
    answers strong and on one side.
    """
    import numpy
    import pandas

    dial = items[items["condition"] == "dial"]
    left, right = (dial[dial["scale"] == share].reset_index(drop=True) for share in ENDS)
    chances = (_shares(left)[:, :, None] * _shares(right)[:, None, :]).reshape(len(left), -1)
    one = _places(left)
    frames = []
    for share in shares:
        places = ((1 - share) * one[:, :, None] + share * one[:, None, :]).reshape(len(left), -1)
        frame = left[["condition", "scale", "issue", "proposition"]].assign(condition="both_sides", scale=share)
        frames.append(_with_moments(frame, chances, numpy.round(places, 12)))
    return pandas.concat([_by_proposition(frame) for frame in frames], ignore_index=True)


def dial_table(moments: "pandas.DataFrame", draws: int, seed: int) -> "pandas.DataFrame":
    """Return the `dial` table: one row per way and share.

    moments: of `answer_moments`. Columns: way, share, score with low and high; spread, flip and coefficient
    (bimodality coefficient of single answers) each with `_low` and `_high`; within and between (standard deviations,
    within an item and of issue means), strong; dip and dip_p of the propositions' stances; n (propositions),
    n_issues, reason. Intervals are 95 %, from the two-stage bootstrap over issues; the dip counts propositions as
    independent.
    """
    import numpy
    import pandas

    nulls: dict[int, Floats] = {}
    rows = []
    for (way, share), part in moments.groupby(["condition", "scale"], sort=False):
        chosen = part.sort_values(["issue", "proposition"], kind="stable")
        n = len(chosen)
        if n not in nulls:
            nulls[n] = null_dips(n, DIP_DRAWS, seed)
        dip = dip_test(chosen["power_1"], nulls[n])
        score = cluster_bootstrap(chosen["power_1"], list(chosen["issue"]), draws, numpy.random.default_rng(seed))
        rows.append({
            "way": way, "share": share, "score": score.value, "low": score.low, "high": score.high,
            **_spreads(chosen, draws, seed), "dip": dip.value, "dip_p": dip.p, "n": n, "n_issues": score.n,
            "reason": score.reason or dip.reason,
        })  # fmt: skip
    return pandas.DataFrame(rows)


def _spreads(chosen: "pandas.DataFrame", draws: int, seed: int) -> dict[str, float]:
    """Return spread, flip and coefficient with their intervals; within, between and strong."""
    import numpy

    issues = list(chosen["issue"])
    issue_means = cluster_means(chosen[list(COLUMNS)], issues)
    means = issue_means.mean(axis=0)
    drawn = _replicates(chosen, draws, seed)
    found: dict[str, float] = {}
    for name, of in (("spread", _spread), ("flip", _flip), ("coefficient", _coefficient)):
        low, high = interval(of(drawn))
        found |= {name: float(of(means[None])[0]), f"{name}_low": low, f"{name}_high": high}
    within = float(means[COLUMNS.index("within")]) ** 0.5
    between = float(numpy.std(issue_means[:, 0], ddof=1)) if len(issue_means) > 1 else float("nan")
    return {**found, "within": within, "between": between, "strong": float(means[-1])}


def _replicates(chosen: "pandas.DataFrame", draws: int, seed: int) -> "Floats":
    """Return bootstrap replicates of the means of `COLUMNS`, NaN below three issues; points share their draws."""
    import numpy

    issues = list(chosen["issue"])
    if len(set(issues)) < 3:
        return numpy.full((1, len(COLUMNS)), numpy.nan)
    return cluster_replicates(chosen[list(COLUMNS)], issues, draws, numpy.random.default_rng(seed))


def _spread(means: "Floats") -> "Floats":
    """Return the standard deviation of single answers from rows of means of `COLUMNS`."""
    import numpy

    return numpy.asarray(numpy.sqrt(numpy.maximum(means[:, 1] - means[:, 0] ** 2, 0)))


def _flip(means: "Floats") -> "Floats":
    return means[:, COLUMNS.index("flip")]


def _coefficient(means: "Floats") -> "Floats":
    """Return (skewness² + 1) / kurtosis from raw moments; NaN where nothing varies."""
    import numpy

    first, second, third, fourth = means[:, :4].T
    variance = second - first**2
    variance = numpy.where(variance < 1e-12, numpy.nan, variance)
    skewed = (third - 3 * first * second + 2 * first**3) / variance**1.5
    heavy = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2
    return numpy.asarray((skewed**2 + 1) / heavy)


def monotonicity_table(moments: "pandas.DataFrame", draws: int, seed: int) -> "pandas.DataFrame":
    """Return the `monotone` table: does the score follow the share?

    Per way: rho (Spearman, of share and score over points), p (two-sided, scores permuted), reversals (steps that
    turn back), n (points); issue_rho with low and high: mean over issues of each issue's own rho, 95 % interval over
    issues; n_issues.
    """
    import numpy
    import pandas
    from scipy.stats import spearmanr

    rows = []
    for way in [way for way in moments["condition"].unique() if way != "base"]:
        own = moments[moments["condition"] == way].pivot_table("power_1", index="issue", columns="scale")
        points = [
            ValidityScore(instrument=way, axis="all", leaning="conservative", scale=float(share), seed=0, score=score)
            for share, score in own.mean().items()
        ]
        dose = next(row for row in dose_monotonicity(points, draws, seed) if row.leaning == "conservative")
        each = [float(spearmanr(own.columns, line)[0]) for line in own.to_numpy() if numpy.ptp(line) > 0]
        found = cluster_bootstrap(each, list(range(len(each))), draws, numpy.random.default_rng(seed))
        rows.append({
            "way": way, "rho": dose.rho, "p": dose.p, "reversals": dose.reversals, "n": dose.n,
            "issue_rho": found.value, "low": found.low, "high": found.high, "n_issues": found.n,
            "reason": found.reason,
        })  # fmt: skip
    return pandas.DataFrame(rows)


def midpoint_table(moments: "pandas.DataFrame", draws: int, seed: int) -> "pandas.DataFrame":
    """Return the `midpoint` table: per way, are answers at the midpoint further apart than at the two ends?

    Columns: way, score, spread, ends (mean spread at shares 0 and 1), difference (spread − ends) with low and high
    (95 %, paired over issues), flip, verdict: `a coin toss` where the interval lies above 0, `moderate` below 0,
    else `undecided`; NaN and `undecided` below three issues. n_issues. Swapping the leanings negates the score and
    changes nothing else.
    """
    import pandas

    rows = []
    for way in [way for way in moments["condition"].unique() if way != "base"]:
        own = moments[moments["condition"] == way].sort_values(["issue", "proposition"], kind="stable")
        parts = [own[own["scale"] == share] for share in (MIDDLE, *ENDS)]
        middle, left, right = (cluster_means(part[list(COLUMNS)], list(part["issue"])).mean(axis=0) for part in parts)
        drawn = [_spread(_replicates(part, draws, seed)) for part in parts]
        low, high = interval(drawn[0] - (drawn[1] + drawn[2]) / 2)
        spread, ends = float(_spread(middle[None])[0]), float((_spread(left[None]) + _spread(right[None]))[0]) / 2
        verdict = TOSS if low > 0 else MODERATE if high < 0 else UNDECIDED
        rows.append({
            "way": way, "score": float(middle[0]), "spread": spread, "ends": ends, "difference": spread - ends,
            "low": low, "high": high, "flip": float(_flip(middle[None])[0]), "verdict": verdict,
            "n_issues": parts[0]["issue"].nunique(),
        })  # fmt: skip
    return pandas.DataFrame(rows)


def midpoint_finding(midpoint: Any) -> str:
    """Return in one sentence which ways have a moderate midpoint and which toss a coin, with their spreads."""
    rows = rows_of(midpoint)
    said = []
    for verdict in dict.fromkeys(row["verdict"] for row in rows):
        ways = [f"{plain(row['way'])} ({row['spread']:.2f})" for row in rows if row["verdict"] == verdict]
        said.append(f"{verdict} by {listed(ways)}")
    ends = {f"{row['ends']:.2f}" for row in rows}
    return f"Half-way between the leanings answers are {'; '.join(said)}; spread at the ends {listed(sorted(ends))}."


def midpoint_words(dial: Any, midpoint: Any) -> "pandas.DataFrame":
    """Return per way, in words, whether the midpoint is moderate or a coin toss, with the numbers behind it.

    Columns: way, in_words; the base stands last, for comparison.
    """
    import pandas

    points = rows_of(dial)
    said = [(row["way"], _said(row, pick(points, way=row["way"], share=MIDDLE))) for row in rows_of(midpoint)]
    base = pick(points, way="base")
    if base is not None:
        said.append(
            ("base", f"Spread {number(base, 'spread'):.2f}, opposite sides {percent(base['flip'])} of the time.")
        )
    return pandas.DataFrame(said, columns=["way", "in_words"])


def _said(row: dict[str, Any], point: dict[str, Any] | None) -> str:
    dip = number(point, "dip_p")
    heaps = "stances fall into two heaps" if dip < ALPHA else "stances form no two heaps"
    reach = f"95 % interval {signed(row['low'])} to {signed(row['high'])}"
    return (
        f"The lean is {estimate(point)} and the answers are {row['verdict']}: their spread is {row['spread']:.2f}, "
        f"{signed(row['difference'])} against the ends ({reach}), two answers to one question take opposite sides "
        f"{percent(row['flip'])} of the time, {percent(number(point, 'strong'))} of answers are strong ones, and "
        f"{heaps} (dip p = {dip:.3f})."
    )
