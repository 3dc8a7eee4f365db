"""Quantities with units, converted exactly by pint: 500 cm for 5 m, 30 mph for 48.28032 km/h.

The policy's text never reaches pint: its unit is read by our own grammar, and pint sees one known name at a time.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rewards.completions import Completion
from rewards.correct import gold_text
from rewards.evaluator import rational, written_out
from rewards.extract import MARKERS
from rewards.grammar import NotRead, tidy
from rewards.numerals import figures
from rewards.units import CANONICAL, Unit, only_counts, same_unit
from rewards.values import Named, Scalar, readings
from rewards.verdicts import LogExtra, pay_by, same_length

# Where pint has another name than ours, or means something else by it.
_PINT_NAMES = {
    "celsius": "degC", "fahrenheit": "degF", "cent": "us_cent", "dollar": "us_dollar",
    "point": "", "unit": "", "person": "",
}  # fmt: skip


@lru_cache(maxsize=1)
def _registry() -> Any:
    from pint import UnitRegistry

    exact: Any = Fraction  # documented for Decimal and Fraction, annotated as float
    registry = UnitRegistry(non_int_type=exact, on_redefinition="ignore")
    for definition in (
        "us_dollar = [usd]", "us_cent = us_dollar / 100", "euro = [eur]", "pound_sterling = [gbp]", "yen = [jpy]",
        "rupee = [inr]", "radian = [angle]", "rpm = 6 * degree / second",  # to pint 60 rpm are 6.28 Hz
    ):  # fmt: skip
        registry.define(definition)
    return registry


@lru_cache(maxsize=1024)
def _pint_unit(name: str) -> Any:
    """pint's unit for a canonical name such as `m/second^2`; None where pint knows none."""
    from pint import UndefinedUnitError

    unit = _registry().Unit("dimensionless")
    compound = not name.isalpha()
    for place, side in enumerate(name.split("/")):
        for factor in side.split("*"):
            match = re.fullmatch(r"([A-Za-z_]+)(?:\^(\d))?", factor)
            if match is None or match[1] not in CANONICAL or not (known := _PINT_NAMES.get(match[1], match[1])):
                return None  # what else pint knows, decibels say, may take it forever
            if compound and known in ("degC", "degF"):
                known = f"delta_{known}"  # J/°C counts steps, which have no zero to begin at
            try:
                part = _registry().Unit(known) ** int(match[2] or 1)
            except UndefinedUnitError:
                return None
            unit = unit / part if place else unit * part
    return unit


def quantity_of(text: str) -> tuple[Fraction, Unit | None] | None:
    """The exact value and the unit of an answer, or None where it is no quantity.

    >>> quantity_of("5 m"), quantity_of("5m") == quantity_of("5 m")
    ((Fraction(5, 1), Unit(name='m', words=frozenset())), True)
    """
    spaced = _UNSPACED.sub(r"\1 ", text)  # 5m is no product here
    values = list(readings(spaced))
    values += [inner for value in values if isinstance(value, Named) for inner in value.value]
    for value in values:
        if isinstance(value, Scalar) and written_out(value.node) and (number := rational(value.node)) is not None:
            return number, value.unit
    return None


_UNSPACED = re.compile(r"(\d)(?=[A-Za-z]\W*\Z)")


def rounded(value: Fraction, figures: int) -> set[Fraction]:
    """A value to so many significant figures: both neighbours where it lies in the middle of them, as customs differ.

    >>> rounded(Fraction("9.80665"), 3), rounded(Fraction("0.25"), 1) == {Fraction("0.2"), Fraction("0.3")}
    ({Fraction(981, 100)}, True)
    """
    size = (Decimal(value.numerator) / Decimal(value.denominator)).adjusted()
    step = Fraction(10) ** (size - figures + 1)
    below = value // step * step
    distances = {below: value - below, below + step: below + step - value}
    return {one for one, distance in distances.items() if distance == min(distances.values())}


def written_figures(answer: str) -> tuple[int, int] | None:
    """The fewest and the most significant figures with which an answer was written; see `numerals.figures`."""
    try:
        return figures(tidy(answer.rpartition("=")[2]))
    except NotRead:
        return None


def same_quantity(answer: str, gold: str, tolerance: Fraction = Fraction(0), significant_figures: int = 0) -> bool:
    """Whether two texts are one quantity, in whatever units.

    Args:
        answer: with a unit if the gold has one, and without one of measurement if it has none.
        gold: a number with or without a unit.
        tolerance: relative to the gold, for golds that were measured or rounded.
        significant_figures: with how many the answer must be written, and to how many the gold is rounded then, in the
            answer's unit. 0: however many. 1200 passes for two to four figures, 1200.0 for five, 1.20e3 for three.

    >>> same_quantity("500 cm", "5 m"), same_quantity("500", "5 m"), same_quantity("9.8 m/s^2", "9.81 m/s^2")
    (True, False, False)
    >>> same_quantity("9.8 m/s^2", "9.81 m/s^2", Fraction(1, 100))
    True
    >>> [same_quantity(f"{said} m", "1.2046 km", significant_figures=3) for said in ("1200", "1.20e3", "1204.6")]
    [True, True, False]
    """
    one, other = quantity_of(answer), quantity_of(gold)
    if one is None or other is None:
        return False
    value, unit = one
    expected, asked = other
    if asked is None and unit is not None and not only_counts(unit):
        return False
    if asked is not None and unit is None:
        return False
    if significant_figures:
        written = written_figures(answer)
        if written is None or not written[0] <= significant_figures <= written[1]:
            return False
        expected = _converted(expected, asked, unit)  # rounding belongs to the unit that was chosen
        if expected is not None and value in rounded(expected, significant_figures):
            return True
    else:
        value = _converted(value, unit, asked)
    return value is not None and expected is not None and abs(value - expected) <= abs(expected) * tolerance


def _converted(value: Fraction, unit: Unit | None, asked: Unit | None) -> Fraction | None:
    """A value in another unit, or None where that measures something else; without a unit it stays what it is."""
    if unit is None or asked is None:
        return value
    if unit.name == asked.name:
        return value if same_unit(unit, asked) else None
    source, target = _pint_unit(unit.name), _pint_unit(asked.name)
    if source is None or target is None or source.dimensionality != target.dimensionality:
        return None
    result = _registry().Quantity(value, source).to(target).magnitude
    return result if isinstance(result, Fraction) else Fraction(repr(float(result)))


def _tolerance(value: object) -> Fraction:
    """A relative tolerance, exact.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    try:
        exact = Fraction(str(value))
    except ValueError:
        exact = Fraction(-1)
    if not 0 <= exact < 1:
        raise ValueError(
            f"tolerance {value!r} of correct_quantity is no share of the gold such as 0.01 for one percent"
        )
    return exact


def _figures(value: object) -> int:
    """How many significant figures are asked for; 0 for none in particular.

    Raises:
        ValueError: it is no whole number from 0 to 15.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 15:
        raise ValueError(
            f"significant_figures {value!r} of correct_quantity is no int from 1 to 15, or 0 for not asked"
        )
    return value


def correct_quantity(
    completions: Sequence[Completion],
    answer: Sequence[object],
    tolerance: Sequence[float | str] | float | str = 0,
    significant_figures: Sequence[int] | int = 0,
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold quantity, in any unit that converts to it, else 0.0.

    An answer without a unit is not paid where the gold has one. Money is a unit, so is money by something: $5/kg.

    Args:
        completions, log_extra, markers: as in `correct_answer`.
        answer: the gold of each row: a number with its unit.
        tolerance: relative to the gold; one for all rows, or one for each from a column of the data. Exact without it.
        significant_figures: how many the answer must be written with, from a column of the data or for all rows; the
            gold is rounded to as many. 0: not asked. See `same_quantity` for zeros at the end.

    Raises:
        ValueError: a gold is no quantity, a tolerance is not between 0 and 1, or figures are asked for that there are
            not.

    >>> correct_quantity(["#### 500 cm", "#### 5", "#### 5 kg"], answer=["5 m"] * 3)
    [1.0, 0.0, 0.0]
    >>> correct_quantity(["#### 9.81 m/s^2", "#### 9.807 m/s^2"], answer=["9.80665 m/s^2"] * 2, significant_figures=3)
    [1.0, 0.0]
    """
    golds = [gold_text(gold, "correct_quantity") for gold in answer]
    shares = [tolerance] * len(golds) if isinstance(tolerance, int | float | str) else tolerance
    asked = [significant_figures] * len(golds) if isinstance(significant_figures, int) else significant_figures
    same_length(completions, golds, shares)
    same_length(completions, golds, asked)
    rules = [(_tolerance(share), _figures(number)) for share, number in zip(shares, asked, strict=True)]
    for gold, (_, number) in zip(golds, rules, strict=True):
        read = quantity_of(gold)
        if read is None:
            raise ValueError(f"gold answer {gold!r} is no quantity; correct_quantity needs one such as '5 m'")
        if number and not read[0]:
            raise ValueError(f"gold answer {gold!r} is zero, which has no significant figures")

    def agreement(allowed: Fraction, number: int):
        return lambda one, other: same_quantity(one, other, allowed, number)

    return pay_by(completions, golds, [agreement(*rule) for rule in rules], log_extra, markers)
