"""Quantities with units, converted exactly by pint: 500 cm for 5 m, 30 mph for 48.28032 km/h.

The policy's text never reaches pint: its unit is read by our own grammar, and pint sees one known name at a time.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rewards.completions import Completion
from rewards.correct import gold_text
from rewards.evaluator import rational, written_out
from rewards.extract import MARKERS
from rewards.units import Unit
from rewards.values import Named, Scalar, readings
from rewards.verdicts import LogExtra, pay_by

# Where pint has another name than ours, or means something else by it.
_PINT_NAMES = {
    "celsius": "degC", "fahrenheit": "degF", "cent": "us_cent", "dollar": "us_dollar",
    "point": "", "unit": "", "person": "",
}  # fmt: skip


@lru_cache(maxsize=1)
def _registry() -> Any:
    from pint import UnitRegistry

    exact: Any = Fraction  # documented for Decimal and Fraction, annotated as float
    registry = UnitRegistry(non_int_type=exact)
    for definition in ("us_dollar = [usd]", "us_cent = us_dollar / 100", "euro = [eur]", "pound_sterling = [gbp]",
                       "yen = [jpy]", "rupee = [inr]"):  # fmt: skip
        registry.define(definition)
    return registry


@lru_cache(maxsize=1024)
def _pint_unit(name: str) -> Any:
    """pint's unit for a canonical name such as `m/second^2`; None where pint knows none."""
    from pint import UndefinedUnitError

    unit = _registry().Unit("dimensionless")
    for place, side in enumerate(name.split("/")):
        for factor in side.split("*"):
            match = re.fullmatch(r"([A-Za-z_]+)(?:\^(\d))?", factor)
            if match is None or not _PINT_NAMES.get(match[1], match[1]):
                return None
            try:
                part = _registry().Unit(_PINT_NAMES.get(match[1], match[1])) ** int(match[2] or 1)
            except UndefinedUnitError:
                return None
            unit = unit / part if place else unit * part
    return unit


def quantity_of(text: str) -> tuple[Fraction, Unit | None] | None:
    """The exact value and the unit of an answer, or None where it is no quantity.

    >>> quantity_of("5 m")
    (Fraction(5, 1), Unit(name='m', words=frozenset()))
    """
    values = list(readings(text))
    values += [inner for value in values if isinstance(value, Named) for inner in value.value]
    for value in values:
        if isinstance(value, Scalar) and written_out(value.node) and (number := rational(value.node)) is not None:
            return number, value.unit
    return None


def same_quantity(answer: str, gold: str, tolerance: Fraction = Fraction(0)) -> bool:
    """Whether two texts are one quantity, in whatever units.

    Args:
        answer: with a unit, unless the gold has none.
        gold: a number with or without a unit.
        tolerance: relative to the gold, for golds that were measured or rounded.

    >>> same_quantity("500 cm", "5 m"), same_quantity("500", "5 m"), same_quantity("9.8 m/s^2", "9.81 m/s^2")
    (True, False, False)
    >>> same_quantity("9.8 m/s^2", "9.81 m/s^2", Fraction(1, 100))
    True
    """
    one, other = quantity_of(answer), quantity_of(gold)
    if one is None or other is None:
        return False
    value, unit = one
    expected, asked = other
    if asked is not None:
        if unit is None:
            return False
        if unit.name != asked.name:
            converted = _converted(value, unit, asked)
            if converted is None:
                return False
            value = converted
    return abs(value - expected) <= abs(expected) * tolerance


def _converted(value: Fraction, unit: Unit, asked: Unit) -> Fraction | None:
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


def correct_quantity(
    completions: Sequence[Completion],
    answer: Sequence[object],
    tolerance: Sequence[float | str] | float | str = 0,
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold quantity, in any unit that converts to it, else 0.0.

    An answer without a unit is not paid where the gold has one.

    Args:
        completions, log_extra, markers: as in `correct_answer`.
        answer: the gold of each row: a number with its unit.
        tolerance: relative to the gold; one for all rows, or one for each from a column of the data. Exact without it.

    Raises:
        ValueError: a gold is no quantity, or a tolerance is not between 0 and 1.

    >>> correct_quantity(["#### 500 cm", "#### 5", "#### 5 kg"], answer=["5 m"] * 3)
    [1.0, 0.0, 0.0]
    """
    golds = [gold_text(gold, "correct_quantity") for gold in answer]
    for gold in golds:
        if quantity_of(gold) is None:
            raise ValueError(f"gold answer {gold!r} is no quantity; correct_quantity needs one such as '5 m'")
    each = [tolerance] * len(golds) if isinstance(tolerance, int | float | str) else tolerance
    exact = [_tolerance(one) for one in each]

    def agreement(allowed: Fraction):
        return lambda one, other: same_quantity(one, other, allowed)

    return pay_by(completions, golds, [agreement(allowed) for allowed in exact], log_extra, markers)
