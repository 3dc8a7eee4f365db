"""Any task of reasoning-gym, 0-shot, chat: an instruct model reasons, then answers in <answer> tags.

Data      made by reasoning-gym (`pip install reasoning-gym`): 1,024 train rows, 128 validation rows, 256 test rows; no
          question stands in two splits. The task is TASK below, or `--dataset_path NAME`, such as leg_counting
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   solves_gym_task decides: the task's own scorer, in bounds; answer_tags only breaks ties early on
Expected  not yet measured: no GPU run of this recipe has been recorded
"""

from rewards import answer_tags, solves_gym_task
from rlvr_recipes import Case, Recipe, gym, prompts

TASK = "leg_counting"
OPTIONS: dict[str, object] = {}  # fields of the task's configuration, such as {"max_animals": 3}
SPLITS = {"test": 256, "validation": 128, "train": 1024}

SYSTEM = "Reason step by step. Then write the final answer, and nothing else, in tags: <answer>...</answer>"
LEGS = {
    "question": "How many legs do 1 spider and 2 hens have in total?",
    "answer": "12",
    "task": "leg_counting",
    "options": "{}",
    "metadata": "{'animals': {'spider': 1, 'hen': 2}, 'total_legs': 12}",
}


def rows(split: str, dataset_path: str | None = None) -> list[dict[str, str]]:
    """Rows of a split, of TASK or of the task that `dataset_path` names."""
    return gym.rows(split, dataset_path or TASK, OPTIONS, SPLITS)


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    rewards={solves_gym_task: 1.0, answer_tags: 0.1},
    config={"max_completion_length": 512, "max_steps": 300},
    cases=[
        Case("8 + 2 * 2 = 12 <answer>12</answer>", **LEGS, solves_gym_task=1.0, answer_tags=1.0),
        Case("<think>8 + 4</think>\n<answer>\n12\n</answer>", **LEGS, solves_gym_task=1.0, answer_tags=1.0),
        Case("<answer>10</answer>", **LEGS, solves_gym_task=0.0, answer_tags=1.0),
        Case("<answer>12 or 10</answer>", **LEGS, solves_gym_task=0.0, answer_tags=1.0),
        Case("<answer>10</answer> <answer>12</answer>", **LEGS, solves_gym_task=0.0, answer_tags=0.0),
        Case("The answer is 12.", **LEGS, solves_gym_task=0.0, answer_tags=0.0),
        Case("<answer>__import__('os').getpid() or 12</answer>", **LEGS, solves_gym_task=0.0),
    ],
)
