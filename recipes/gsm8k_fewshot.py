"""GSM8K, 8-shot, plain text: a base model learns grade-school word problems answered on a last line `#### <number>`.

Data      openai/gsm8k main: 6,961 train rows, 512 validation rows cut from train, 1,319 test rows
Policy    Qwen/Qwen2.5-0.5B (base), NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_number decides; answer_line only breaks ties early on
Expected  not yet measured: no GPU run of this recipe has been recorded
"""

from rewards import answer_line, correct_number
from rlvr_recipes import Case, Recipe, gsm8k, prompts

EXEMPLARS = [
    ("A bakery sells muffins for $3 each. On Monday it sold 14 muffins and on Tuesday twice as many. How many dollars "
     "did it take in on the two days?",
     "On Tuesday it sold 14 * 2 = 28 muffins.\nIn the two days it sold 14 + 28 = 42 muffins.\n"
     "It took in 42 * 3 = 126 dollars.\n#### 126"),
    ("Priya reads 12 pages every evening and 30 pages on Sunday afternoon. How many pages does she read in a week?",
     "In 7 evenings she reads 12 * 7 = 84 pages.\nWith Sunday afternoon that is 84 + 30 = 114 pages.\n#### 114"),
    ("A tank holds 480 liters. A pump empties a quarter of it, then 60 liters leak out. How many liters are left?",
     "The pump takes out 480 / 4 = 120 liters.\nThat leaves 480 - 120 = 360 liters.\n"
     "After the leak 360 - 60 = 300 liters are left.\n#### 300"),
    ("Mateo is 5 years older than Lina. Lina is three times as old as Sam, who is 4. How old is Mateo?",
     "Lina is 3 * 4 = 12 years old.\nMateo is 12 + 5 = 17 years old.\n#### 17"),
    ("A school orders 6 boxes of chalk with 24 sticks each and shares them equally among 9 classrooms. How many sticks "
     "does each classroom get?",
     "There are 6 * 24 = 144 sticks.\nEach classroom gets 144 / 9 = 16 sticks.\n#### 16"),
    ("A jacket costs $80. It is reduced by 25%, and a coupon takes off another $10. How many dollars does it cost now?",
     "The reduction is 80 * 25 / 100 = 20 dollars.\nThe reduced price is 80 - 20 = 60 dollars.\n"
     "With the coupon it costs 60 - 10 = 50 dollars.\n#### 50"),
    ("Two cyclists start together. One rides at 18 km per hour, the other at 13 km per hour. How many kilometers apart "
     "are they after 4 hours on the same road?",
     "Each hour the gap grows by 18 - 13 = 5 kilometers.\nAfter 4 hours it is 5 * 4 = 20 kilometers.\n#### 20"),
    ("Hana earns $15 an hour for the first 40 hours of a week and $22 for each hour beyond. Last week she worked 46 "
     "hours. How many dollars did she earn?",
     "She worked 46 - 40 = 6 hours beyond 40.\nThe first 40 hours bring 40 * 15 = 600 dollars.\n"
     "The other 6 hours bring 6 * 22 = 132 dollars.\nIn all she earned 600 + 132 = 732 dollars.\n#### 732"),
]  # fmt: skip


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> str:
    return prompts.plain(exemplars, row["question"])


RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B",
    rows=gsm8k.rows,
    prompt=prompt,
    exemplars=EXEMPLARS,
    shots=8,
    stop=prompts.STOP,  # a base model goes on to invent the next question
    rewards={correct_number: 1.0, answer_line: 0.1},
    config={"max_completion_length": 256, "max_steps": 300},
    cases=[
        Case(" 9 * 2 = 18 dollars.\n#### 18\n\n", answer="18", correct_number=1.0, answer_line=1.0),
        Case(" 600 + 480 = 1080.\n#### 1080", answer="1,080", correct_number=1.0, answer_line=1.0),
        Case(" 2 - 5 = -3.\n#### -3", answer="-3", correct_number=1.0, answer_line=1.0),
        Case(" #### maybe 12 maybe 13", answer="12", correct_number=0.0, answer_line=1.0),
        Case(" The answer is 18.", answer="18", correct_number=1.0, answer_line=0.0),
        Case(" #### 12\n#### 18", answer="18", correct_number=0.0, answer_line=0.0),
    ],
)
