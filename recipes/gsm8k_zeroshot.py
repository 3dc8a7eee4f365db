"""GSM8K, 0-shot, chat: an instruct model reasons, then answers on a last line `#### <number>`.

Data      openai/gsm8k main: 6,961 train rows, 512 validation rows cut from train, 1,319 test rows
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_number decides; answer_line only breaks ties early on
Expected  not yet measured: no GPU run of this recipe has been recorded
"""

from rewards import answer_line, correct_number
from rlvr_recipes import Case, Recipe, gsm8k, prompts

SYSTEM = "Reason step by step. Then write the final answer on a last line of its own: #### <number>"


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=gsm8k.rows,
    prompt=prompt,
    rewards={correct_number: 1.0, answer_line: 0.1},
    config={"max_completion_length": 512, "max_steps": 300},
    cases=[
        Case("First, 9 * 2 = 18.\n\nSo she earns 18.\n#### 18", answer="18", correct_number=1.0, answer_line=1.0),
        Case("#### $1,080", answer="1,080", correct_number=1.0, answer_line=1.0),
        Case("The final answer is \\boxed{18}.", answer="18", correct_number=1.0, answer_line=0.0),
        Case("#### 18\nWait, that is wrong.", answer="18", correct_number=0.0, answer_line=0.0),
        Case("#### 17 or 18", answer="18", correct_number=0.0, answer_line=1.0),
    ],
)
