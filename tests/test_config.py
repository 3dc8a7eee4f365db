"""Every field of TRL's dataclasses can be set, and every wrong name or value is an error before anything is loaded."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trl import GRPOConfig, ModelConfig
from trl.trainer import grpo_trainer

from rlvr_recipes import Recipe, UserError, load_recipe
from rlvr_recipes.config import DEFAULTS, known_fields, read_file
from rlvr_recipes.refusals import CHOICES, check_train_rows

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("arithmetic")


def test_flags_stand_above_the_file_above_the_recipe_above_our_defaults(recipe: Recipe, make_config: Make) -> None:
    assert make_config(recipe).grpo.num_generations == DEFAULTS["num_generations"]
    assert make_config(recipe).grpo.max_steps == recipe.config["max_steps"]
    assert make_config(recipe, max_steps=7).grpo.max_steps == 7
    assert make_config(recipe, "--max_steps", "9", max_steps=7).grpo.max_steps == 9
    assert make_config(recipe, "--learning_rate=1e-5").grpo.learning_rate == 1e-5
    assert make_config(recipe, "--lora_r", "4").model.lora_r == 4


def test_reward_weights_are_the_recipes_unless_given(recipe: Recipe, make_config: Make) -> None:
    assert make_config(recipe).grpo.reward_weights == [1.0, 0.1]
    assert make_config(recipe, "--reward_weights", "2", "0").grpo.reward_weights == [2.0, 0.0]


def test_a_file_may_hold_lists_maps_and_nothing(recipe: Recipe, make_config: Make, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(
        "model_init_kwargs: {low_cpu_mem_usage: true}\nlora_target_modules: [q_proj, v_proj]\nepsilon_high: null\n"
    )
    config = make_config(recipe, **read_file(str(file)))
    assert config.grpo.model_init_kwargs == {"low_cpu_mem_usage": True}
    assert config.model.lora_target_modules == ["q_proj", "v_proj"]
    assert config.grpo.epsilon_high is None


def test_what_a_run_writes_down_gives_the_same_run_again(recipe: Recipe, make_config: Make) -> None:
    first = make_config(
        recipe, "--seed", "7", "--warmup_steps", "0.1", "--lora_target_modules", "q_proj", "--shots", "1"
    )
    again = make_config(recipe, **first.values)
    assert again.values == first.values
    assert dataclasses.asdict(again.run) == dataclasses.asdict(first.run)
    assert again.model == first.model
    same = {f.name for f in dataclasses.fields(GRPOConfig) if f.init}
    assert {n: vars(again.grpo)[n] for n in same & vars(again.grpo).keys()} == {
        n: vars(first.grpo)[n] for n in same & vars(first.grpo).keys()
    }


@pytest.mark.parametrize("kind", [GRPOConfig, ModelConfig])
def test_every_field_of_trl_is_reachable_and_its_misspelling_is_not(
    kind: type, recipe: Recipe, make_config: Make
) -> None:
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    assert set(names) <= set(known_fields())
    for name in names:
        with pytest.raises(UserError, match=rf"there is no option --{name}x; did you mean --"):
            make_config(recipe, f"--{name}x", "1")


def test_a_misspelt_key_in_a_file_or_a_recipe_says_where_it_stands(recipe: Recipe, make_config: Make) -> None:
    with pytest.raises(UserError, match="my.yaml: there is no field lerning_rate; did you mean learning_rate"):
        make_config(recipe, lerning_rate=1)
    wrong = dataclasses.replace(recipe, config={"max_step": 3})
    with pytest.raises(UserError, match="recipe .*config: there is no field max_step; did you mean max_steps"):
        make_config(wrong)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--learn", "1"], "no option --learn"),  # no abbreviations
        (["stray"], "stray stands alone"),
        (["--max_steps", "ten"], "invalid int value: 'ten'"),
        (["--max_steps"], "expected one argument"),
        (["--optim", "adamw_torhc"], "invalid choice: 'adamw_torhc'; did you mean adamw_torch?"),
        (["--loss_type", "dappo"], "loss_type cannot be 'dappo'; did you mean dapo?"),
        (["--scale_rewards", "grup"], "did you mean group?"),
        (["--importance_sampling_level", "word"], "(allowed: token, sequence)"),
        (["--loss_type", "cispo"], "needs --epsilon_high"),
        (["--num_generations", "1"], "at least 2"),
        (
            ["--per_device_train_batch_size", "6"],
            "6 completions per generation do not divide into groups of num_generations 8",
        ),
        (["--per_device_train_batch_size", "0"], "must be at least 1"),
        (["--max_completion_length", "0"], "must be at least 1"),
        (["--steps_per_generation", "2", "--generation_batch_size", "64"], "can not be both configured"),
        (["--save_steps", "3", "--num_iterations", "2"], "take a multiple"),
        (["--use_vllm", "true"], "use_vllm with load_in_4bit does not work"),
        (["--use_vllm", "true", "--load_in_4bit", "false"], "needs vLLM"),
        (["--use_transformers_continuous_batching", "true"], "refused"),
        (["--push_to_hub", "true"], "push_to_hub True is refused: not done during a run"),
        (["--eval_strategy", "steps"], "samples at the training temperature"),
        (["--resume_from_checkpoint", "x"], "--resume RUN"),
        (["--save_steps", "0.1", "--max_steps", "30", "--num_iterations", "2"], "save_steps 3 would save"),
        (["--load_in_8bit", "true"], "8 bit and 4 bit"),
        (["--eval_rows", "-1"], "eval_rows is -1; it must be at least 0"),
        (["--dtype", "float15"], "invalid choice: 'float15'"),
        (["--temperature", "0"], "temperature is 0; it must be more than 0"),
        (["--temperature", "nan"], "temperature is nan"),
        (["--top_p", "2"], "top_p is 2; it must be more than 0 and at most 1"),
        (["--learning_rate", "-1"], "learning_rate is -1"),
        (["--learning_rate", "inf"], "learning_rate is inf"),
        (["--seed", "4294967296"], "seed is 4.29497e+09; it must be at least 0"),
        (["--lora_r", "0"], "lora_r is 0; it must be at least 1"),
        (["--num_iterations", "0"], "num_iterations is 0; it must be at least 1"),
        (["--steps_per_generation", "0"], "steps_per_generation is 0"),
        (["--max_steps", "0"], "max_steps is 0; it must be at least 1, or -1"),
        (["--reward_weights", "1"], "give 2 finite numbers, one per reward"),
        (["--reward_weights", "0", "0"], "not all of them 0"),
        (["--reward_weights", "-1", "1"], "would be trained against"),
        (["--reward_weights", "nan", "1"], "give 2 finite numbers"),
        (["--report_to", "bogus"], "report_to bogus: not installed, or unknown"),
        (["--save_only_model", "true"], "nothing to go on from"),
        (["--ignore_data_skip", "true"], "would see its first rows again"),
        (["--remove_unused_columns", "true"], "the rewards need the columns"),
        (["--save_strategy", "best"], "there is no evaluation during training"),
        (["--lr_scheduler_type", "cosine_with_min_lr"], "optim adamw_torch"),
        (["--lr_scheduler_kwargs", '{"bogus": 1}', "--lr_scheduler_type", "cosine"], "bogus"),
        (["--lr_scheduler_kwargs", "notjson"], "lr_scheduler_kwargs must be a map"),
        (["--chat_template_kwargs", "notjson"], "chat_template_kwargs must be a map"),
        (["--model_init_kwargs", "[1]"], "model_init_kwargs must be a map"),
        (["--generation_kwargs", '{"temperature": 0.1}'], "set --temperature, its own field"),
        (["--generation_kwargs", '{"max_new_tokens": 2}'], "set --max_completion_length"),
        (["--generation_kwargs", '{"num_beams": 2}'], "num_beams is refused"),
        (["--optim", "galore_adamw"], "optim "),
    ],
)
def test_wrong_flags_are_explained(recipe: Recipe, make_config: Make, flags: list[str], complaint: str) -> None:
    with pytest.raises(UserError, match=re.escape(complaint)):
        make_config(recipe, *flags)


def test_a_wrong_value_in_a_file_is_explained(recipe: Recipe, make_config: Make) -> None:
    with pytest.raises(UserError, match="my.yaml: .*invalid int value: 'ten'"):
        make_config(recipe, max_steps="ten")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"learning_rate": None}, "learning_rate cannot be empty"),
        ({"model_name_or_path": None}, "model_name_or_path cannot be empty"),
        ({"lora_target_modules": ["q_proj", "--seed", "3"]}, "is a list of texts and numbers"),
        ({"lora_target_modules": {"q_proj"}}, "cannot be a set"),
    ],
)
def test_a_value_of_the_wrong_kind_is_explained(
    recipe: Recipe, make_config: Make, given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=f"my.yaml: .*{complaint}"):
        make_config(recipe, **given)


def test_yaml_reads_a_bare_no_as_false_and_we_as_no(recipe: Recipe, make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("save_strategy: no\n")
    assert make_config(recipe, **read_file(str(tmp_path / "my.yaml"))).grpo.save_strategy == "no"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed: 1\nlora_r: 2\nseed: 2", "seed stands there twice, the second time in line 3"),
        ("- a", "must hold lines of the form"),
        ("a: [b", "is not sound YAML"),
        ("word", "must hold lines of the form"),
    ],
)
def test_a_broken_file_is_explained(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_file(str(tmp_path / "my.yaml"))
    with pytest.raises(UserError, match="No such file"):
        read_file(str(tmp_path / "none.yaml"))


def test_our_list_of_late_checked_choices_is_trls() -> None:
    source = inspect.getsource(grpo_trainer)
    for name in (
        "loss_type",
        "importance_sampling_level",
        "multi_objective_aggregation",
        "vllm_importance_sampling_mode",
    ):
        compared = re.findall(rf"self\.{name} (?:==|in) (\[[^\]]*\]|\"[^\"]*\")", source)
        found = set(re.findall(r"\"(\w+)\"", " ".join(compared)))
        assert found == set(CHOICES[name]), f"TRL compares {name} with {found}: bring refusals.CHOICES up to date"


def test_too_few_rows_for_one_generation_are_refused(recipe: Recipe, make_config: Make) -> None:
    grpo = make_config(recipe).grpo
    check_train_rows(8, grpo)
    with pytest.raises(UserError, match=r"training has 7 rows, but one generation takes 8 prompts \(64 completions"):
        check_train_rows(7, grpo)


def test_the_defaults_are_those_of_qlora_on_one_gpu(make_config: Make) -> None:
    config = make_config(load_recipe("gsm8k_fewshot"))
    assert (config.model.load_in_4bit, config.model.bnb_4bit_quant_type, config.model.use_bnb_nested_quant) == (
        True,
        "nf4",
        True,
    )
    assert (config.model.use_peft, config.model.lora_r, config.model.lora_target_modules) == (True, 16, "all-linear")
    assert (config.model.lora_dropout, config.grpo.beta, config.grpo.scale_rewards) == (0.0, 0.0, "batch")
    assert config.grpo.report_to == []


@pytest.mark.parametrize(
    ("cuda", "bf16", "expected"),
    [
        (True, True, {"dtype": "bfloat16", "bf16": True, "fp16": False, "use_cpu": False}),
        (True, False, {"dtype": "float16", "bf16": False, "fp16": True, "use_cpu": False}),
        (False, False, {"dtype": "float32", "bf16": False, "fp16": False, "use_cpu": True}),
    ],
)
def test_precision_follows_the_device(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, bf16: bool, expected: dict[str, Any]
) -> None:
    import torch

    from rlvr_recipes.config import device_defaults

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    assert device_defaults() == expected
