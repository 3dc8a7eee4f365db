"""Quantities, 4-shot, chat: physics and money from a seeded generator, answered with the unit on a last line.

Data      made here: 2,048 train rows, 256 validation rows, 256 test rows; no question stands in two splits
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_quantity decides, to the tolerance and the significant figures of the row; answer_line breaks ties
Expected  not yet measured: no GPU run of this recipe has been recorded
"""

import random
from decimal import Decimal
from fractions import Fraction

from rewards import answer_line, correct_quantity
from rlvr_recipes import Case, Recipe, prompts

SYSTEM = "Reason step by step. Then write the answer with its unit on a last line of its own: #### <number> <unit>"
EXEMPLARS = [
    ("A tram covers 9 km in 20 minutes. What is its average speed in km/h?",
     "In 60 minutes, which are 3 times 20, it covers 9 * 3 = 27 km.\n#### 27 km/h"),
    ("A stone of 250 cm^3 has a mass of 640 g. What is its density? Give the answer to 2 significant figures.",
     "640 g / 250 cm^3 is 2.56 g/cm^3, and that is 2.6 g/cm^3 to 2 figures.\n#### 2.6 g/cm^3"),
    ("350 g of ham cost $5.20. What is the price per kilogram? Round to the cent.",
     "5.20 / 350 is 0.0148571..., the dollars for one gram. A kilogram costs 14.8571... dollars.\n#### $14.86/kg"),
    ("A club grew from 80 to 92 members. By how many percent did it grow?",
     "It has 92 - 80 = 12 members more.\n12 / 80 is 0.15.\n#### 15 %"),
    ("A rope breaks at 3 kN. Which mass, hanging still, breaks it? Take g = 9.81 m/s^2; an answer within 1 % counts.",
     "The mass is the force by g: 3000 N / 9.81 m/s^2, which is about 305.8 kg.\n#### 306 kg"),
    ("A coat of $64 is reduced by 15 %. What does it cost now?",
     "15 % of 64 dollars are 9.60 dollars.\n64 - 9.60 is 54.40.\n#### $54.40"),
]  # fmt: skip

# story, operands (lowest, highest, denominator), the value, its unit with {} for the number, and how exactly it is
# asked for: 0 exactly, n to so many significant figures, "cent" to the cent, "1 %" within it
STORIES = [
    ("A train covers {a} km in {b} minutes. What is its average speed in km/h?",
     [(5, 300, 1), (10, 180, 1)], lambda a, b: 60 * a / b, "{} km/h", 0),
    ("A runner covers {a} m in {b} s. What is her average speed?", [(60, 900, 1), (101, 999, 10)],
     lambda a, b: a / b, "{} m/s", 3),
    ("How far does a car get in {a} minutes at {b} km/h?", [(5, 90, 1), (30, 130, 1)],
     lambda a, b: a * b / 60, "{} km", 0),
    ("A block of {a} cm^3 has a mass of {b} g. What is its density?", [(20, 400, 1), (50, 4000, 1)],
     lambda a, b: b / a, "{} g/cm^3", 3),
    ("What is the mass of {a} cm^3 of an alloy with a density of {b} g/cm^3?", [(5, 500, 1), (15, 195, 10)],
     lambda a, b: a * b, "{} g", 0),
    ("Which force gives {a} kg an acceleration of {b} m/s^2?", [(2, 1500, 1), (5, 90, 10)],
     lambda a, b: a * b, "{} N", 0),
    ("What is the kinetic energy of {a} kg moving at {b} m/s?", [(2, 90, 1), (2, 40, 1)],
     lambda a, b: a * b**2 / 2, "{} J", 0),
    ("By how much does the potential energy of {a} kg grow when it is lifted by {b} m? Take g = 9.81 m/s^2.",
     [(2, 90, 1), (11, 300, 10)], lambda a, b: a * b * Fraction("9.81"), "{} J", 3),
    ("Which current flows through {a} Ω at {b} V?", [(3, 900, 1), (2, 240, 1)], lambda a, b: b / a, "{} A", 2),
    ("A heater draws {a} A at {b} V. What is its power?", [(5, 160, 10), (110, 240, 10)],
     lambda a, b: a * b, "{} W", 0),
    ("How much energy does a device of {a} W use in {b} hours?", [(5, 3000, 1), (2, 48, 1)],
     lambda a, b: a * b / 1000, "{} kWh", 0),
    ("How much heat warms {a} kg of water by {b} K? Take 4.18 kJ/(kg·K).", [(2, 60, 1), (2, 75, 1)],
     lambda a, b: a * b * Fraction("4.18"), "{} kJ", 3),
    ("A weight of {a} N rests on {b} cm^2. What is the pressure?", [(10, 5000, 1), (2, 400, 1)],
     lambda a, b: 10000 * a / b, "{} Pa", 3),
    ("How many m/s are {a} km/h?", [(11, 1500, 1)], lambda a: a / Fraction("3.6"), "{} m/s", 3),
    ("How many kilometers are {a} miles? One mile is 1.609344 km.", [(3, 2000, 1)],
     lambda a: a * Fraction("1.609344"), "{} km", "1 %"),
    ("A stone falls freely for {a} s. How far does it fall? Take g = 9.81 m/s^2.", [(5, 60, 10)],
     lambda a: a**2 * Fraction("9.81") / 2, "{} m", "1 %"),
    ("A town of {a} people grew to {b}. By how many percent did it grow?", [(200, 900, 1), (901, 1800, 1)],
     lambda a, b: (b - a) / a * 100, "{} %", 3),
    ("What interest do ${a} bring in {b} years at {c} % of simple interest a year?",
     [(200, 9000, 1), (2, 9, 1), (10, 70, 10)], lambda a, b, c: a * b * c / 100, "${}", "cent"),
    ("${a} earn {c} % a year, and the interest is added every year. How much is there after {b} years?",
     [(200, 9000, 1), (2, 5, 1), (2, 9, 1)], lambda a, b, c: a * (1 + c / 100) ** int(b), "${}", "cent"),
    ("One euro costs ${b}. How many euros does one get for ${a}?", [(20, 3000, 1), (85, 130, 100)],
     lambda a, b: a / b, "{} €", "cent"),
    ("{a} g of cheese cost ${b}. What is the price per kilogram?", [(80, 900, 1), (150, 1900, 100)],
     lambda a, b: 1000 * b / a, "${}/kg", "cent"),
    ("A bill of ${a} is taxed at {b} %. What is to be paid in all?", [(500, 50000, 100), (5, 25, 1)],
     lambda a, b: a * (1 + b / 100), "${}", "cent"),
    ("A bicycle of £{a} is reduced by {b} %. What does it cost now?", [(90, 1900, 1), (5, 60, 1)],
     lambda a, b: a * (1 - b / 100), "£{}", "cent"),
    ("For {a} hours of work someone was paid ${b}. What was the wage per hour?", [(3, 60, 1), (40, 2400, 1)],
     lambda a, b: b / a, "${}/hour", "cent"),
]  # fmt: skip
ASKED = {0: "", "cent": " Round to the cent.", "1 %": " An answer within 1 % counts."}
SPLITS = {"train": (1, 2048), "validation": (2, 256), "test": (3, 256)}  # seed, rows


def written(value: Fraction) -> str:
    """A decimal; what does not end after 12 figures is cut there."""
    return f"{float(value):.12g}"


def rounded(value: Fraction, figures: int) -> str:
    """To so many significant figures, without an exponent."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{exact.quantize(Decimal(1).scaleb(exact.adjusted() - figures + 1)):f}"


def problem(rng: random.Random) -> dict[str, str | int] | None:
    """One row, or None where its value cannot be written as exactly as it is asked for."""
    story, operands, formula, unit, asked = rng.choice(STORIES)
    drawn = [Fraction(rng.randint(low, high), below) for low, high, below in operands]
    value = formula(*drawn)
    if asked == 0 and (value * 100).denominator > 1:
        return None
    if asked == "cent" and (value * 200).denominator == 1 and (value * 100).denominator > 1:
        return None  # half a cent, which some round up and others down
    figures = asked if isinstance(asked, int) else 0
    shown = [f"{float(v):.2f}" if below == 100 else written(v) for v, (*_, below) in zip(drawn, operands, strict=True)]
    question = story.format(**dict(zip("abc", shown, strict=False)))
    answer = f"{float(round(value, 2)):.2f}" if asked == "cent" else written(value)
    return {
        "question": question + ASKED.get(asked, f" Give the answer to {figures} significant figures."),
        "answer": unit.format(answer),
        "solution": f"#### {unit.format(rounded(value, figures) if figures else answer)}",
        "tolerance": "0.01" if asked == "1 %" else "0",
        "significant_figures": figures,
    }


def rows(split: str) -> list[dict[str, str | int]]:
    """Rows of a split; a question drawn for an earlier split is drawn again."""
    seen: set[str | int] = set()
    for name, (seed, size) in SPLITS.items():
        rng, made = random.Random(seed), []
        while len(made) < size:
            row = problem(rng)
            if row is not None and row["question"] not in seen:
                seen.add(row["question"])
                made.append(row)
        if name == split:
            return made
    raise KeyError(split)


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    exemplars=EXEMPLARS,
    shots=4,
    rewards={correct_quantity: 1.0, answer_line: 0.1},
    config={"max_completion_length": 256, "max_steps": 300},
    cases=[
        Case("60 * 9 / 20 = 27\n#### 27 km/h", answer="27 km/h", correct_quantity=1.0, answer_line=1.0),
        Case("#### 7.5 m/s", answer="27 km/h", correct_quantity=1.0, answer_line=1.0),
        Case("#### 27", answer="27 km/h", correct_quantity=0.0, answer_line=1.0),
        Case("#### 27 km/h or 7.5 m/s", answer="27 km/h", correct_quantity=0.0, answer_line=1.0),
        Case("#### 15.2 m/s", answer="15.2222222222 m/s", significant_figures=3, correct_quantity=1.0),
        Case("#### 15.22 m/s", answer="15.2222222222 m/s", significant_figures=3, correct_quantity=0.0),
        Case("#### 163 km", answer="161 km", tolerance="0.01", correct_quantity=0.0),
        Case("#### 162 km", answer="161 km", tolerance="0.01", correct_quantity=1.0),
        Case("#### $14.86 per kg", answer="$14.86/kg", correct_quantity=1.0, answer_line=1.0),
        Case("#### €14.86/kg", answer="$14.86/kg", correct_quantity=0.0, answer_line=1.0),
        Case("#### 15", answer="15 %", correct_quantity=0.0, answer_line=1.0),
    ],
)
