"""Quantities: what is one and the same, to the tolerance and the significant figures that the row declares."""

import random
import time
from fractions import Fraction
from typing import Any

import pytest

from rewards import correct_quantity
from rewards.numerals import figures
from rewards.quantities import quantity_of, rounded, same_quantity
from rewards.units import CANONICAL
from rlvr_recipes import load_recipe, selftest

# answer, gold, paid
EXACT = [
    ("5 m", "5 m", 1), ("500 cm", "5 m", 1), ("0.005 km", "5 m", 1), ("5 meters", "5 m", 1), ("5.0 m", "5 m", 1),
    ("5\\text{ m}", "5 m", 1), ("5\\,\\mathrm{m}", "5 m", 1), ("d = 5 m", "5 m", 1), ("5m", "5 m", 1), ("d=5m", "5 m", 1),
    ("5k", "5 m", 0), ("5x", "5 m", 0), ("5m6", "5 m", 0), ("five meters", "5 m", 1),
    ("5", "5 m", 0), ("5 kg", "5 m", 0), ("5 m^2", "5 m", 0), ("5 cm", "5 m", 0), ("-5 m", "5 m", 0), ("5 m/s", "5 m", 0),
    ("5.001 m", "5 m", 0), ("about 5 m", "5 m", 0), ("~5 m", "5 m", 0), ("5 m or 500 cm", "5 m", 0),
    ("5 m or 6 m", "5 m", 0), ("5 m, 6 m", "5 m", 0), ("5 m (6 m)", "5 m", 0), ("5-6 m", "5 m", 0), ("5 m cm", "5 m", 0),
    ("5 m km", "5 m", 0), ("5 m / 500 cm", "5 m", 0), ("5 m = 600 cm", "5 m", 0), ("5 m ± 1 m", "5 m", 0),
    ("10^{400} m", "5 m", 0), ("1e400 m", "5 m", 0), ("1e-400 m", "5 m", 0), ("1e9999 m", "5 m", 0), ("1e400 m", "1e400 m", 1),
    ("5 mm m", "5 mm", 0), ("5\u200b\u0000 m", "5 m", 0), ("5 \u043c", "5 m", 0), ("2+3 m", "5 m", 0), ("\\sqrt{25} m", "5 m", 0),
    ("5 decibels", "5 radian", 0), ("1e400 decibels", "5 radian", 0), ("5 nepers", "5 degrees", 0),
    # money
    ("$12.50", "$12.50", 1), ("12.50 USD", "$12.50", 1), ("USD 12.50", "$12.50", 1), ("12.5 dollars", "$12.50", 1),
    ("1250 cents", "$12.50", 1), ("\\$12.50", "$12.50", 1), ("12.50", "$12.50", 0), ("12.50 €", "$12.50", 0), ("£12.50", "$12.50", 0),
    ("$12.5 €", "$12.50", 0), ("€12.50 USD", "$12.50", 0), ("$12.49", "$12.50", 0), ("$12,50", "$12.50", 1), ("$1250", "$12.50", 0),
    ("1,250 €", "€1250", 1), ("€1,250", "1,250 €", 1), ("1.250,00 €", "1,250 €", 1), ("EUR 1250.00", "1,250 €", 1),
    ("1250 USD", "1,250 €", 0), ("1.25 €", "1,250 €", 0), ("$1.2 thousand", "$1,200", 1), ("$0.0012 million", "$1,200", 1),
    ("$1,234.57", "$1,234.57", 1), ("$1,234.6", "$1,234.57", 0), ("$1,234.567", "$1,234.57", 0), ("$1,235", "$1,234.57", 0),
    ("$5 or 5 €", "$5", 0), ("$5 in total", "$5", 1), ("$5 each", "$5", 1), ("$5 squared", "$5", 0), ("$5 left of ten", "$5", 0),
    ("$5 an answer", "$5", 0), ("$5 per cent", "$5", 0), ("$5 million", "$5", 0), ("$-5", "-$5", 1), ("$5", "-$5", 0),
    # rates
    ("$5/kg", "$5/kg", 1), ("$5 per kg", "$5/kg", 1), ("\\$5/\\text{kg}", "$5/kg", 1), ("5 dollars per kilogram", "$5/kg", 1),
    ("500 cents per kilogram", "$5/kg", 1), ("0.5 cents per gram", "$5/kg", 1), ("$5", "$5/kg", 0), ("5/kg", "$5/kg", 0),
    ("$5 kg", "$5/kg", 0), ("€5/kg", "$5/kg", 0), ("$5/g", "$5/kg", 0), ("$5 per pound", "$5/kg", 0), ("$5/kg", "$5", 0),
    ("$5 per kg per hour", "$5/kg", 0), ("$18 an hour", "$18/hour", 1), ("18 USD/h", "$18/hour", 1), ("$0.30 per minute", "$18/hour", 1),
    ("$18 a day", "$18/hour", 0), ("$18 per minute", "$18/hour", 0), ("18 hours", "$18/hour", 0),
    ("12 km/h", "12 km/h", 1), ("12 km per hour", "12 km/h", 1), ("12 kph", "12 km/h", 1), ("12000 m/h", "12 km/h", 1),
    ("12 km/s", "12 km/h", 0), ("12 m/s", "12 km/h", 0), ("12 km", "12 km/h", 0), ("12 h/km", "12 km/h", 0), ("12", "12 km/h", 0),
    ("36 km/h", "10 m/s", 1), ("30 mph", "48.28032 km/h", 1), ("12 \\frac{km}{h}", "12 km/h", 1),
    ("3.5 %", "3.5 %", 1), ("3.5%", "3.5 %", 1), ("3.5 percent", "3.5 %", 1), ("0.035", "3.5 %", 1), ("3.5", "3.5 %", 0),
    ("350 %", "3.5 %", 0), ("0.035 %", "3.5 %", 0), ("3.5 ‰", "3.5 %", 0), ("3.5 % or 3.5", "3.5 %", 0), ("12 %", "12", 0), ("12", "12 %", 0),
    # numbers that measure nothing
    ("12", "12", 1), ("12 pens", "12", 1), ("12 kg", "12", 0), ("$12", "12", 0), ("12 km/h", "12", 0), ("12", "12 pens", 0),
    ("12 red apples", "12 green apples", 0), ("12 apples", "12 green apples", 1),
    # physics
    ("2 kN", "2000 N", 1), ("2000 kg m/s^2", "2 kN", 1), ("2000 kg·m/s²", "2 kN", 1), ("2 N", "2 kN", 0), ("250 mA", "0.25 A", 1),
    ("4.7 kΩ", "4700 ohms", 1), ("4.7 k\\Omega", "4700 \\Omega", 1), ("4.7 Ω", "4700 Ω", 0), ("101 kPa", "101000 Pa", 1),
    ("1.5 MJ", "1500000 J", 1), ("3.6 MJ", "1 kWh", 1), ("1 kW", "1 kWh", 0), ("2.7 g/cm³", "2700 kg/m^3", 1), ("2.7 g", "2.7 g/cm^3", 0),
    ("2.7 g/mL", "2.7 g/cm^3", 1), ("212 °F", "100 °C", 1), ("373.15 K", "100 °C", 1), ("100 °F", "100 °C", 0), ("100 K", "100 °C", 0),
    ("100 degrees", "100 °C", 0), ("4.18 J/(g·K)", "4180 J/(kg·°C)", 1), ("9.81 m/s²", "9.81 m/s^2", 1),
    ("9.81 m s^{-2}", "9.81 m/s^2", 1), ("9.81 m/s", "9.81 m/s^2", 0), ("12 V", "12 volts", 1), ("12 W", "12 V", 0),
    ("60 rpm", "1 Hz", 0), ("1 radian/second", "1 Hz", 0), ("6 degrees/second", "1 rpm", 1), ("90 min", "1.5 h", 1), ("1.5 h", "90 s", 0),
]  # fmt: skip

# answer, gold, tolerance, significant figures, paid
DECLARED = [
    ("9.8 m/s^2", "9.81 m/s^2", "0", 0, 0), ("9.8 m/s^2", "9.81 m/s^2", "0.01", 0, 1), ("9.8 m/s^2", "9.81 m/s^2", "0.001", 0, 0),
    ("9.8", "9.81 m/s^2", "0.01", 0, 0), ("9.8 m/s", "9.81 m/s^2", "0.01", 0, 0), ("980 cm/s^2", "9.81 m/s^2", "0.01", 0, 1),
    ("99 kg", "100 kg", "0.01", 0, 1), ("101 kg", "100 kg", "0.01", 0, 1), ("98.9 kg", "100 kg", "0.01", 0, 0),
    ("-100 kg", "100 kg", "0.99", 0, 0), ("99 to 101 kg", "100 kg", "0.01", 0, 0), ("0 kg", "100 kg", "0.99", 0, 0),
    ("15.2 m/s", "15.2222222222 m/s", "0", 3, 1), ("15.22 m/s", "15.2222222222 m/s", "0", 3, 0), ("15 m/s", "15.2222222222 m/s", "0", 3, 0),
    ("15.20 m/s", "15.2222222222 m/s", "0", 3, 0), ("15.3 m/s", "15.2222222222 m/s", "0", 3, 0), ("15.2", "15.2222222222 m/s", "0", 3, 0),
    ("15.2 km/h", "15.2222222222 m/s", "0", 3, 0), ("54.8 km/h", "15.2222222222 m/s", "0", 3, 1), ("54.72 km/h", "15.2222222222 m/s", "0", 4, 0),
    ("137/9 m/s", "15.2222222222 m/s", "0", 3, 0), ("15.2 m/s or 15 m/s", "15.2222222222 m/s", "0", 3, 0),
    ("v = 15.2 m/s", "15.2222222222 m/s", "0", 3, 1), ("1.52 \\times 10^{1} m/s", "15.2222222222 m/s", "0", 3, 1),
    ("1.2e3 J", "1204.6 J", "0", 3, 0), ("1.20e3 J", "1204.6 J", "0", 3, 1), ("1.200e3 J", "1204.6 J", "0", 3, 0),
    ("1.20 \\times 10^3 J", "1204.6 J", "0", 3, 1), ("1.20 kJ", "1204.6 J", "0", 3, 1), ("1.2 kJ", "1204.6 J", "0", 3, 0),
    ("1200 J", "1204.6 J", "0", 3, 1), ("1,200 J", "1204.6 J", "0", 2, 1), ("1200 J", "1204.6 J", "0", 5, 0), ("1200.0 J", "1204.6 J", "0", 3, 0),
    ("1205 J", "1204.6 J", "0", 4, 1), ("1204.6 J", "1204.6 J", "0", 4, 0), ("1200 J", "1204.6 J", "0", 4, 0),
    ("0.0120 m", "12 mm", "0", 3, 1), ("0.012 m", "12 mm", "0", 3, 0), ("12.0 mm", "12 mm", "0", 3, 1), ("12 mm", "12 mm", "0", 3, 0),
    ("2.0 m", "1.96 m", "0", 2, 1), ("2 m", "1.96 m", "0", 2, 0), ("1.9 m", "1.96 m", "0", 2, 0), ("0.100 m", "0.0996 m", "0", 3, 0),
    ("0.10 m", "0.0996 m", "0", 2, 1), ("0.3 A", "0.25 A", "0", 1, 1), ("0.2 A", "0.25 A", "0", 1, 1), ("0.4 A", "0.25 A", "0", 1, 0),
    ("9.8 m/s^2", "9.8321 m/s^2", "0.01", 3, 0), ("9.81 m/s^2", "9.8321 m/s^2", "0.01", 3, 1), ("9.81 m/s^2", "9.8321 m/s^2", "0", 3, 0),
    ("3.50 %", "3.5 %", "0", 3, 1), ("3.5 %", "3.5 %", "0", 3, 0), ("298 K", "25 °C", "0", 3, 1), ("298.2 K", "25 °C", "0", 3, 0),
    ("1e400 m/s", "15.2222222222 m/s", "0", 3, 0), ("fifteen m/s", "15.2222222222 m/s", "0", 2, 0), ("$1.2 million", "$1,234,567", "0", 2, 1),
]  # fmt: skip

HEDGES = [
    "#### 5 m\n#### 6 m", "#### 5 m or 6 m", "#### 5 m\nWait, that is wrong.", "\\boxed{5 m} or \\boxed{6 m}", "#### 5 m #### 6 m",
    "<think>#### 5 m</think>", "The answer is 6 m.\n#### 5 m", "#### 5\nAll amounts are in cm.", "#### 5 m\nAll lengths are in cm... so 5 cm.",
    "#### maybe 5 m", "#### 5 m?", "#### not 5 m", "#### 5 m, roughly", "```\n#### 5 m", "", "#### ", "5 m",
]  # fmt: skip


def test_there_are_as_many_labelled_cases_as_promised() -> None:
    assert len({(*case, "0", 0) for case in EXACT} | set(DECLARED)) + len(HEDGES) >= 200
    assert min(sum(case[-1] for case in EXACT), sum(not case[-1] for case in EXACT)) >= 60
    assert min(sum(case[-1] for case in DECLARED), sum(not case[-1] for case in DECLARED)) >= 20


@pytest.mark.parametrize(("answer", "gold", "paid"), EXACT)
def test_a_quantity_is_paid_exactly_or_not(answer: str, gold: str, paid: int) -> None:
    form = "\\boxed{{{}}}" if "\\" in answer else "#### {}"
    assert correct_quantity([form.format(answer)], answer=[gold]) == [paid]


@pytest.mark.parametrize(("answer", "gold", "tolerance", "asked", "paid"), DECLARED)
def test_a_row_declares_its_tolerance_and_its_figures(
    answer: str, gold: str, tolerance: str, asked: int, paid: int
) -> None:
    columns: dict[str, Any] = {"answer": [gold], "tolerance": [tolerance], "significant_figures": [asked]}
    assert correct_quantity([f"#### {answer}"], **columns) == [paid]


@pytest.mark.parametrize("completion", HEDGES)
def test_a_hedged_quantity_is_not_paid(completion: str) -> None:
    assert correct_quantity([completion], answer=["5 m"]) == [0.0]
    assert correct_quantity([completion], answer=["5 m"], significant_figures=1) == [0.0]


def test_the_right_quantity_is_paid_in_every_form_of_an_answer() -> None:
    said = [
        "#### 5 m",
        "So \\boxed{5 \\text{ m}}.",
        "It is \\boxed{5} m.",
        "<answer>5 m</answer>",
        "The answer is 5 m.",
    ]
    assert correct_quantity(said, answer=["5 m"] * 5) == [1.0] * 5


@pytest.mark.parametrize("figures", ["3", -1, 16, 2.0, None])
def test_figures_that_are_no_small_int_are_refused(figures: Any) -> None:
    with pytest.raises(ValueError, match=f"significant_figures {figures!r} of correct_quantity is no int"):
        correct_quantity(["", ""], answer=["5 m", "5 m"], significant_figures=[3, figures])


def test_zero_has_no_significant_figures() -> None:
    assert correct_quantity(["#### 0.00 m"], answer=["0 m"]) == [1.0]
    with pytest.raises(ValueError, match="gold answer '0 m' is zero"):
        correct_quantity(["#### 0.00 m"], answer=["0 m"], significant_figures=3)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 completions"):
        correct_quantity(["", ""], answer=["5 m", "5 m"], significant_figures=[3])
    with pytest.raises(ValueError, match="2 completions"):
        correct_quantity(["", ""], answer=["5 m", "5 m"], tolerance=["0"])


def test_rounding_is_that_of_decimal_arithmetic() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        value, places = Fraction(rng.randint(1, 10**9), rng.randint(1, 10**6)), rng.randint(1, 6)
        expected = Fraction(f"{float(value):.{places - 1}e}")
        assert expected in rounded(value, places) or len(rounded(value, places)) == 2
    assert rounded(Fraction(-125), 2) == {Fraction(-120), Fraction(-130)}


def test_figures_are_read_off_every_way_to_write_a_numeral() -> None:
    written = {"12": (2, 2), "120": (2, 3), "120.": (2, 3), "120.0": (4, 4), "0.05": (1, 1), "1,234": (4, 4), "1 200": (2, 4),
               "1.20e3": (3, 3), "12e2": (2, 2), "0": None, "0.0": None, "3 1/2": None, "1/3": None, "x": None, "": None,
               "9" * 300: None}  # fmt: skip
    assert {text: figures(text) for text in written} == written


def test_no_unit_raises_or_is_slow_for_a_gold_of_any_other() -> None:
    values = ["5", "1e400", "-1e-400", "0", "137/9", "5.00"]
    began = time.perf_counter()
    for number, gold in enumerate(sorted(CANONICAL)):
        for place, unit in enumerate(sorted(CANONICAL)):
            said = values[(number + place) % len(values)]
            paid = same_quantity(f"{said} {unit}", f"5 {gold}", significant_figures=(number + place) % 2)
            assert not paid or unit == gold or quantity_of(f"{said} {unit}"), (said, unit, gold)
    assert time.perf_counter() - began < 8


def test_random_text_never_raises_and_is_never_paid() -> None:
    rng = random.Random(1)
    pieces = "0 1 5 12.5 1e400 9,9 - + / * ^ ( ) { } \\text{ \\frac % $ € £ m cm km/h kg s °C K N per an each or = ~ \x00 \ud800 ² Ω k".split(
        " "
    )
    texts = ["#### " + "".join(rng.choices([*pieces, " "], k=rng.randint(1, 9))) for _ in range(4000)]
    assert sum(correct_quantity(texts, answer=["987654.3 kg"] * 4000, tolerance="0.01")) == 0
    assert sum(correct_quantity(texts, answer=["987654.3 kg"] * 4000, significant_figures=3)) == 0
    huge = ["#### 5 " + "m" * 10**6, "#### " + "9" * 10**6 + " m", "#### 5 " + "m/" * 10**5, "#### 5 m" + "^2" * 10**5]
    began = time.perf_counter()
    assert correct_quantity(huge, answer=["5 m"] * 4, significant_figures=1) == [0.0] * 4
    assert time.perf_counter() - began < 2


def test_what_was_read_and_why_reaches_the_log() -> None:
    told: dict[str, list[object]] = {}
    correct_quantity(["#### 500 cm", "#### 6 m", "5 m"], answer=["5 m"] * 3, log_extra=told.__setitem__)
    assert told["extracted"] == ["500 cm", "6 m", None]
    assert told["reason"][:2] == ["500 cm = 5 m", "6 m is not 5 m"]
    assert told["lenient"] == [True, False, True]


def test_the_recipe_draws_every_story_and_declares_how_exactly_it_is_asked_for() -> None:
    recipe = load_recipe("quantity")
    splits = {split: recipe.rows_of(split) for split in ("train", "validation", "test")}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 2048, "validation": 256, "test": 256}
    questions = [row["question"] for rows in splits.values() for row in rows]
    assert len(set(questions)) == len(questions)
    rows = splits["test"]
    openings = {" ".join(row["question"].split()[:2]).strip("$£0123456789.") for row in rows}
    assert len(openings) >= 12
    for row in rows:
        question = row["question"]
        asked = row["significant_figures"]
        assert (f"to {asked} significant figures" in question) == bool(asked)
        assert ("within 1 %" in question) == (row["tolerance"] == "0.01")
        value, unit = quantity_of(row["answer"]) or (None, None)
        assert value
        assert unit is not None or row["answer"].endswith("%")
    assert {(row["tolerance"], row["significant_figures"]) for row in rows} == {
        ("0", 0),
        ("0", 2),
        ("0", 3),
        ("0.01", 0),
    }


def test_the_recipe_pays_its_golds_as_asked_for_and_its_own_exemplars() -> None:
    recipe = load_recipe("quantity")
    recipe.check_cases()
    rows = recipe.rows_of("test")
    recipe.check_rows(rows, "test")
    assert selftest.exemplars(recipe, rows)[0].good
    assert [finding.good for finding in selftest.golds(recipe, rows, "test")] == [True] * 3
    said = [row["solution"] for row in rows]
    columns: dict[str, Any] = {
        name: [row[name] for row in rows] for name in ("answer", "tolerance", "significant_figures")
    }
    assert correct_quantity(said, **columns) == [1.0] * len(rows)
    bare = [text.replace("$", "").replace("£", "").replace("%", "").split("/")[0].split(" ")[1] for text in said]
    assert sum(correct_quantity([f"#### {number}" for number in bare], **columns)) == 0


WORKED_OUT = {
    "How far does a car get in 18 minutes at 106 km/h?": "31.8 km",
    "A heater draws 3.6 A at 12.6 V. What is its power?": "45.36 W",
    "A bicycle of £1704 is reduced by 32 %. What does it cost now? Round to the cent.": "£1158.72",
    "One euro costs $1.25. How many euros does one get for $2433? Round to the cent.": "1946.40 €",
    "388 g of cheese cost $10.12. What is the price per kilogram? Round to the cent.": "$26.08/kg",
    "A bill of $152.10 is taxed at 19 %. What is to be paid in all? Round to the cent.": "$181.00",
    "A weight of 134 N rests on 345 cm^2. What is the pressure? Give the answer to 3 significant figures.": "3884.05797101 Pa",
    "$1273 earn 9 % a year, and the interest is added every year. How much is there after 2 years? Round to the cent.": "$1512.45",
}


def test_questions_of_the_recipe_have_the_answers_that_were_worked_out_by_hand() -> None:
    answers = {row["question"]: row["answer"] for row in load_recipe("quantity").rows_of("test")}
    assert {question: answers[question] for question in WORKED_OUT} == WORKED_OUT
