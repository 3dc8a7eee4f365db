"""Estimators against brute force, intervals against simulations, tests against scipy."""

import itertools
import random

import numpy
import pytest
from scipy.stats import binomtest

from rlvr_recipes.statistics import bootstrap, majority, mcnemar, paired_difference, pass_at, wilson


def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one() -> None:
    for n in range(1, 8):
        for correct in range(n + 1):
            samples = [i < correct for i in range(n)]
            for k in range(1, n + 1):
                draws = list(itertools.combinations(samples, k))
                assert pass_at(k, correct, n) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize("k", [0, 5])
def test_pass_at_more_than_there_are_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="4"):
        pass_at(k, 1, 4)


def test_the_majority_is_what_most_samples_answer() -> None:
    def same(a: str, b: str) -> bool:
        return float(a) == float(b)

    assert majority(["7", "7.0", "8"], [True, True, False], same) == 1.0
    assert majority(["7", "8", "8"], [True, False, False], same) == 0.0
    assert majority(["7", "8"], [True, False], same) == 0.5  # a tie
    assert majority([None, None, "7"], [False, False, True], same) == 1.0  # no answer has no vote
    assert majority([None], [False], same) == 0.0


def test_mcnemar_agrees_with_scipy() -> None:
    for wins, losses in itertools.product((0, 1, 3, 10, 40, 700), repeat=2):
        expected = binomtest(wins, wins + losses, 0.5).pvalue if wins + losses else 1.0
        assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)


def covered(make: object, truth: float, tries: int) -> float:
    """How often an interval holds the truth."""
    assert callable(make)
    return sum(low <= truth <= high for low, high in (make() for _ in range(tries))) / tries


@pytest.mark.parametrize(("n", "share"), [(50, 0.3), (200, 0.85), (512, 0.5)])
def test_wilson_covers(n: int, share: float) -> None:
    rng = random.Random(1)
    assert 0.93 <= covered(lambda: wilson(sum(rng.random() < share for _ in range(n)), n), share, 3000) <= 0.97


@pytest.mark.parametrize(
    ("n", "samples", "right", "wrong"), [(60, 4, 0.6, 0.9), (200, 8, 0.6, 0.9), (100, 8, 0.1, 1.0), (100, 8, 2.0, 0.2)]
)
def test_the_bootstrap_over_problems_covers_where_samples_agree_among_themselves(
    n: int, samples: int, right: float, wrong: float
) -> None:
    rng = numpy.random.default_rng(2)

    def once() -> tuple[float, float]:
        difficulty = rng.beta(right, wrong, n)  # problems differ: samples of one are no independent trials
        return bootstrap(list(rng.binomial(samples, difficulty) / samples))

    assert 0.93 <= covered(once, right / (right + wrong), 800) <= 0.97


def test_treating_samples_as_problems_would_not_cover() -> None:
    rng = numpy.random.default_rng(3)

    def once() -> tuple[float, float]:
        right = rng.binomial(8, rng.beta(0.6, 0.9, 100))
        return wilson(int(right.sum()), 800)

    assert covered(once, 0.4, 400) < 0.8


@pytest.mark.parametrize(
    ("n", "both", "won", "lost"), [(60, 0.3, 0.2, 0.1), (200, 0.2, 0.5, 0.02), (512, 0.4, 0.1, 0.1)]
)
def test_the_interval_of_a_paired_difference_covers(n: int, both: float, won: float, lost: float) -> None:
    rng = numpy.random.default_rng(4)

    def once() -> tuple[float, float]:
        _, wins, losses, _ = rng.multinomial(n, [both, won, lost, 1 - both - won - lost])
        return paired_difference(int(wins), int(losses), n)

    assert 0.93 <= covered(once, won - lost, 2000) <= 0.975


def test_the_bootstrap_is_seeded_and_never_without_width() -> None:
    values = [0.5, 0.25, 1.0, 0.0] * 10
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values)
    low, high = bootstrap([1.0] * 40)
    assert (low < 0.95, high) == (True, 1.0)
