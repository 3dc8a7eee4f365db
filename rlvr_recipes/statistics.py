"""Shares with intervals: Wilson for one answer per problem, a bootstrap over problems for several, pairs compared.

Every interval is a 95 % one. Shares are between 0 and 1.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

Interval: TypeAlias = tuple[float, float]

Z = 1.959963984540054  # the normal quantile of 0.975
RESAMPLES = 4000
SEED = 0


def wilson(successes: float, n: float) -> Interval:
    """Interval of a share of n independent trials (Wilson 1927), of which there may be a fraction.

    >>> [round(bound, 3) for bound in wilson(41, 100)]
    [0.319, 0.508]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z * Z
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, center - half), min(1.0, center + half)


def pass_at(k: int, correct: int, n: int) -> float:
    """Probability that k of n samples, drawn without replacement, hold a right one (Chen et al. 2021, unbiased).

    Raises:
        ValueError: k is not within 1..n.

    >>> pass_at(1, correct=1, n=4), pass_at(2, correct=1, n=4)
    (0.25, 0.5)
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} samples, there are {n}")
    return 1 - math.comb(n - correct, k) / math.comb(n, k)


def majority(answers: Sequence[Hashable], right: Sequence[bool], same: Callable[[Any, Any], bool]) -> float:
    """Share of right ones among the most frequent answers (maj@n): 1 or 0, or between where several tie.

    Args:
        answers: what each sample answered; None for no answer, which has no vote.
        right: whether each sample was paid.
        same: whether two answers are one.

    >>> majority(["7", "8", "7.0", None], [True, False, True, False], lambda a, b: float(a) == float(b))
    1.0
    """
    classes: list[tuple[Any, list[bool]]] = []
    for answer, paid in zip(answers, right, strict=True):
        if answer is None:
            continue
        for first, votes in classes:
            if first == answer or same(first, answer):
                votes.append(paid)
                break
        else:
            classes.append((answer, [paid]))
    most = max((len(votes) for _, votes in classes), default=0)
    tied = [any(votes) for _, votes in classes if len(votes) == most]
    return sum(tied) / len(tied) if tied else 0.0


def bootstrap(values: Sequence[float], seed: int = SEED, share: bool = True) -> Interval:
    """Interval of the mean of one value per problem, by resampling problems (Efron 1979).

    The values are shares, or differences of two (`share` False), for which the percentiles of the resampled means are
    taken. For shares these are too narrow where success is rare; so the spread of the resampled means says how many
    independent trials the mean is worth, and Wilson's interval is that of so many (Korn and Graubard 1998). Where all
    shares are 0 or 1, or equal, it is Wilson's itself: resampling equal values gives no width.
    """
    if share and (all(value in (0.0, 1.0) for value in values) or len(set(values)) == 1):
        return wilson(sum(values), len(values))
    import numpy

    given = numpy.asarray(values, dtype=float)
    rng = numpy.random.default_rng(seed)
    # In slices, so that a long evaluation does not ask for n x RESAMPLES numbers at once.
    means = numpy.concatenate(
        [given[rng.integers(0, len(given), (100, len(given)))].mean(1) for _ in range(RESAMPLES // 100)]
    )
    # For few problems (Hesterberg 2015): a resample varies by (n - 1) / n of what a sample does, and the normal
    # quantile stands where Student's belongs.
    n, mean = len(given), float(given.mean())
    widen = math.sqrt(n / max(n - 1, 1)) * (1 + (Z * Z + 1) / (4 * max(n - 1, 1)))
    if share:
        worth = mean * (1 - mean) / (float(means.std()) * widen) ** 2
        return wilson(mean * worth, worth)
    low, high = mean + (numpy.quantile(means, (0.025, 0.975)) - mean) * widen
    return max(-1.0, float(low)), min(1.0, float(high))


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p of wins and losses in pairs (McNemar 1947): how often a fair coin is as uneven.

    >>> mcnemar(9, 1)
    0.021484375
    """
    n = wins + losses
    tail = sum(math.comb(n, i) for i in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**n)


def paired_difference(wins: int, losses: int, n: int) -> Interval:
    """Interval of the difference of two shares on the same n problems (Bonett and Price 2012).

    >>> [round(bound, 3) for bound in paired_difference(30, 10, 100)]
    [0.078, 0.315]
    """
    won, lost = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    difference = won - lost
    half = Z * math.sqrt((won + lost - difference * difference) / (n + 2))
    return max(-1.0, difference - half), min(1.0, difference + half)
