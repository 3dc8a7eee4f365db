"""python -m rlvr_recipes.eval: tables, samples, comparisons, interruptions, and what it refuses."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rlvr_recipes import UserError, evaluation, load_recipe
from rlvr_recipes import eval as eval_
from rlvr_recipes.evaluation import Parts, Sampling, plan
from tests.conftest import TINY

Score = Callable[..., str]
RECIPE = load_recipe("arithmetic")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().rstrip("\n").split("\n")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training run of the offline recipe."""
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    words = "arithmetic --train_rows 64 --max_steps 3 --save_steps 3 --eval_rows 0 --learning_rate 2e-3".split()
    words += ["--per_device_train_batch_size", "16", "--output_dir", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "rlvr_recipes.train", *words], cwd=folder.parent, check=True, capture_output=True
    )
    return folder


def test_one_call_gives_train_shots_by_eval_shots_and_a_paired_comparison(
    run: Path, tmp_path: Path, score: Score
) -> None:
    printed = score(run, "--n", 24, "--shots", "0,2", "--compare", "base", "--output", tmp_path / "out")
    table = [line for line in printed.split("\n") if line.startswith("| ")]
    assert [[cell.strip() for cell in line.split("|")[1:5]] for line in table[2:]] == [
        ["assets/tiny_policy (base)", "-", "0", "24"],
        ["assets/tiny_policy (base)", "-", "2", "24"],
        [str(run), "2", "0", "24"],
        [str(run), "2", "2", "24"],
    ]
    assert printed.count("McNemar p = ") == 2
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(cell["train_shots"], cell["shots"], cell["n"]) for cell in results["cells"]] == [
        (None, 0, 24), (None, 2, 24), (2, 0, 24), (2, 2, 24),
    ]  # fmt: skip
    first = results["comparisons"][0]
    assert first["wins"] + first["losses"] + first["ties"] == 24
    flipped = (tmp_path / "out" / "tuned-0shot" / "flipped.md").read_text()
    assert flipped.count("## row") == first["wins"] + first["losses"]
    assert (tmp_path / "out" / "accuracy_by_shots.svg").read_text().startswith("<?xml")
    found = lines(tmp_path / "out" / "tuned-2shot" / "completions.jsonl")
    assert set(found[0]) == {
        "row", "sample", "prompt_sha256", "completion", "tokens", "cut_off", "correct_number", "answer_line", "lenient",
        "extracted", "where", "reason",
    }  # fmt: skip
    assert [record["row"] for record in found] == list(range(24))
    seconds = lines(tmp_path / "out" / "tuned-2shot" / "completions.seconds.jsonl")
    assert [record["row"] for record in seconds] == list(range(24))
    assert all(record["seconds"] > 0 for record in seconds)


def test_a_finished_evaluation_is_not_run_again(tmp_path: Path, score: Score) -> None:
    words = ("arithmetic", "--n", 8)
    first = score(*words)
    (cell,) = (tmp_path / "runs" / "eval").glob("*/tiny_policy-2shot")
    (cell / "completions.jsonl").touch()
    before = (cell / "completions.jsonl").stat().st_mtime_ns
    again = score(*words)
    assert first.split("\n|", 1)[1] == again.split("\n|", 1)[1]
    assert (cell / "completions.jsonl").stat().st_mtime_ns == before


def test_samples_are_seeded_and_give_pass_at_k(tmp_path: Path, score: Score) -> None:
    words = ("arithmetic", "--n", 12, "--samples", 4, "--temperature", "1.0")
    printed = score(*words, "--output", tmp_path / "a")
    score(*words, "--output", tmp_path / "b")
    score(*words, "--output", tmp_path / "c", "--seed", 7)
    one, same, other = (
        (tmp_path / name / "tiny_policy-2shot-4samples" / "completions.jsonl").read_text() for name in "abc"
    )
    assert one == same != other
    found = lines(tmp_path / "a" / "tiny_policy-2shot-4samples" / "completions.jsonl")
    assert [(record["row"], record["sample"]) for record in found] == [(r, s) for r in range(12) for s in range(4)]
    assert any(len({record["completion"] for record in found[4 * row : 4 * row + 4]}) > 1 for row in range(12))
    for column in ("pass@2", "pass@4", "maj@4"):
        assert column in printed
    (cell,) = json.loads((tmp_path / "a" / "results.json").read_text())["cells"]
    assert sorted(cell["pass_at"], key=int) == ["1", "2", "3", "4"]
    assert cell["sampling"]["temperature"] == 1.0


@pytest.mark.slow
def test_an_evaluation_killed_at_random_moments_ends_with_the_same_files(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "rlvr_recipes.eval", "arithmetic", "--n", "256", "--samples", "2", "--shots", "2,4"]
    words += ["--eval_batch_size", "16"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*words, "--output", str(whole)], check=True, capture_output=True)
    rng, killed = random.Random(5), []

    def written() -> int:
        return sum(len(path.read_bytes().split(b"\n")) for path in cut.rglob("completions*.jsonl"))

    for number in [*[signal.SIGKILL] * 5, signal.SIGTERM, signal.SIGINT]:
        process = subprocess.Popen([*words, "--output", str(cut)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        enough = written() + rng.randint(1, 100)  # of 1024 lines
        while process.poll() is None and written() < enough:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        if process.poll() is None:
            killed.append(number)
        process.send_signal(number)
        process.wait()
    assert {signal.SIGTERM, signal.SIGINT} <= {*killed}
    assert len(killed) > 5
    subprocess.run([*words, "--output", str(cut)], check=True, capture_output=True)
    names = {str(f.relative_to(whole)) for f in whole.rglob("*") if f.is_file()}
    assert names == {str(f.relative_to(cut)) for f in cut.rglob("*") if f.is_file()}
    for name in names:
        if name.endswith("completions.jsonl"):
            assert (whole / name).read_text() == (cut / name).read_text()
    ours, theirs = (json.loads((folder / "results.json").read_text())["cells"] for folder in (whole, cut))
    for cells in (ours, theirs):
        for cell in cells:
            del cell["seconds"], cell["tokens_per_second"]
    assert ours == theirs


@pytest.mark.slow
def test_two_processes_score_each_problem_once(tmp_path: Path) -> None:
    words = ["-m", "rlvr_recipes.eval", "arithmetic", "--rows", "50", "--eval_batch_size", "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, *words, "--output", str(tmp_path / "one")], check=True, env=environment)
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", *words]
    done = subprocess.run(
        [*launched, "--output", str(tmp_path / "two")], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = ((tmp_path / name / "tiny_policy-2shot" / "completions.jsonl").read_text() for name in ("one", "two"))
    assert one == two
    assert done.stdout.count("| assets/tiny_policy |") == 1  # one of them speaks


# ------------------------------------------------------------------------------------------------------- the engine


class Canned:
    """A backend that answers by rule, and runs out of memory where it is told to."""

    def __init__(self, fits: int = 1000, dies_at: int = 10**9) -> None:
        self.fits, self.dies_at = fits, dies_at
        self.batches: list[tuple[int, int]] = []

    def __call__(self, *args: Any) -> "Canned":
        return self

    def batch_size(self, prompt_ids: Any) -> int:
        return 16

    def complete(self, prompt_ids: Any, seed: int) -> list[tuple[list[int], bool]]:
        if len(prompt_ids) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        if len(self.batches) == self.dies_at:
            raise KeyboardInterrupt
        self.batches.append((len(prompt_ids), seed))
        return [([len(ids) % 90 + 5, seed % 90 + 5], False) for ids in prompt_ids]


def engine(backend: Canned, output: Path, make_config: Callable[..., Any], rows: int = 40) -> list[dict[str, Any]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
    data, exemplars = RECIPE.rows_of("test")[:rows], RECIPE.exemplars_shown(2)
    config = make_config(RECIPE)
    evaluation.evaluate(None, tokenizer, RECIPE, data, exemplars, config, output, "e", Sampling(seed=3), backend)
    return lines(output)


def test_memory_that_runs_out_halves_the_batch_and_loses_nothing(
    tmp_path: Path, make_config: Callable[..., Any]
) -> None:
    small = Canned(fits=5)
    found = engine(small, tmp_path / "small.jsonl", make_config)
    assert [record["row"] for record in found] == list(range(40))
    assert {size for size, _ in small.batches} <= {1, 2, 3, 4}
    assert sum(size for size, _ in small.batches) == 40
    with pytest.raises(UserError, match="not even one completion at a time"):
        engine(Canned(fits=0), tmp_path / "none.jsonl", make_config)


@pytest.mark.parametrize("fits", [1000, pytest.param(5, marks=pytest.mark.slow)])
def test_what_was_cut_short_is_made_of_the_same_batches(
    fits: int, tmp_path: Path, make_config: Callable[..., Any]
) -> None:
    whole = Canned(fits)
    expected = engine(whole, tmp_path / "whole.jsonl", make_config)
    for dies_at in range(len(whole.batches)):
        output = tmp_path / f"cut{dies_at}.jsonl"
        with pytest.raises(KeyboardInterrupt):
            engine(Canned(fits, dies_at), output, make_config)
        part = Parts(output, 0).path
        part.write_bytes(part.read_bytes()[: -random.Random(dies_at).randint(0, 60)] or b"")  # the last line is cut
        resumed = Canned(fits)
        assert engine(resumed, output, make_config) == expected
        assert set(resumed.batches) <= set(whole.batches)
        assert not part.exists()


def test_the_plan_holds_every_sample_once() -> None:
    ids = [[0] * n for n in (5, 9, 2, 7, 7)]
    batches = plan(ids, samples=3, batch_size=4)
    assert sorted(place for batch in batches for place in batch) == [(r, s) for r in range(5) for s in range(3)]
    assert max(map(len, batches)) == 4


def test_the_shared_prefix_changes_no_completion() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from rlvr_recipes.generation import StopRule, plain_generation_config, tokenize

    tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    plain_generation_config(model, tokenizer)
    rows = RECIPE.rows_of("test")[:24]
    ids = tokenize(tokenizer, RECIPE.prompts_of(rows, RECIPE.exemplars_shown(4)))
    stop = StopRule(tokenizer, RECIPE.stop)
    shared, whole = (evaluation.Transformers(model, tokenizer, ids, stop, 32, share=share) for share in (True, False))
    assert shared.length > 100
    assert whole.length == 0
    assert shared.complete(ids, 0) == whole.complete(ids, 0)
    assert shared.batch_size(ids) in {1, 2, 4, 8, 16, 32, 64}


# ------------------------------------------------------------------------------------------- other people's completions


def test_completions_made_elsewhere_are_scored_without_torch(tmp_path: Path) -> None:
    rows = RECIPE.rows_of("test")[:6]
    made = [{"row": i, "completion": f"#### {row['answer'] if i % 2 else 0}"} for i, row in enumerate(rows)]
    for name, texts in (("mine", made), ("theirs", [{**line, "completion": "#### 0"} for line in made])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in texts))
    code = (
        "import sys; from rlvr_recipes import eval as e\n"
        "code = e.main(['arithmetic', '--completions', 'mine.jsonl', '--compare', 'theirs.jsonl', '--output', 'out'])\n"
        "assert not {'torch', 'trl', 'transformers'} & sys.modules.keys(); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| mine.jsonl | 6 | 50.0% [" in re.sub(" +", " ", done.stdout)
    assert "3 won, 0 lost, 3 even; McNemar p = 0.25" in done.stdout
    found = lines(tmp_path / "out" / "mine" / "completions.jsonl")
    assert [record["correct_number"] for record in found] == [0.0, 1.0] * 3
    assert found[1]["reason"].endswith(f"= {rows[1]['answer']}")
    assert (tmp_path / "out" / "mine" / "flipped.md").read_text().count("## row") == 3


def test_half_a_character_in_a_completion_from_elsewhere_is_no_trouble(tmp_path: Path, score: Score) -> None:
    for name, text in (("a", "#### 4 \\ud83d"), ("b", "#### 4")):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"completion": "{text}", "answer": "4"}}\n')
    assert "McNemar" in score("arithmetic", "--completions", "a.jsonl", "--compare", "b.jsonl", "--output", "out")


# ------------------------------------------------------------------------------------------------------ what is refused


def test_rows_that_a_run_was_trained_on_are_refused_unless_named(run: Path, tmp_path: Path, score: Score) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(run, edited)
    text = (edited / "recipe.py").read_text()
    (edited / "recipe.py").write_text(
        text.replace('"test": (', '"validation_": (').replace(
            "RECIPE = Recipe(", 'RECIPE = Recipe(\n    eval_split="train",'
        )
    )
    printed = score(run, "--split", "train", "--n", 70, "--output", tmp_path / "named")
    assert "(trained on 64 of these rows)" in printed
    (cell,) = json.loads((tmp_path / "named" / "results.json").read_text())["cells"]
    assert cell["rows_trained_on"] == 64
    assert (tmp_path / "named" / "tuned-2shot-on-trained-rows" / "completions.jsonl").is_file()
    score("arithmetic", "--model", run / "adapter", "--split", "train", "--n", 4, "--output", tmp_path / "by_adapter")
    assert (tmp_path / "by_adapter" / "tuned-2shot-on-trained-rows").is_dir()  # an adapter is known by its run
    with pytest.raises(UserError, match="the recipe's eval_split is train"):
        score(edited, "--n", 8)


def test_an_adapter_is_scored_on_its_own_base_only(run: Path, tmp_path: Path, score: Score) -> None:
    shutil.copytree(run / "adapter", tmp_path / "adapter")
    printed = score("arithmetic", "--model", "adapter", "--n", 8)
    assert "| adapter | 2 " in printed
    wider = tmp_path / "wider"
    shutil.copytree(TINY, wider)
    config = json.loads((wider / "config.json").read_text())
    (wider / "config.json").write_text(json.dumps(config | {"intermediate_size": 512}))
    with pytest.raises(UserError) as refused:
        score("arithmetic", "--model", "adapter", "--model_name_or_path", "wider", "--n", 8)
    assert "assets/tiny_policy): its model.layers.0.mlp.down_proj is 384 wide, in wider it is 512 wide" in str(
        refused.value
    )


def test_a_folder_that_holds_another_evaluation_is_left_alone(tmp_path: Path, score: Score) -> None:
    score("arithmetic", "--n", 4, "--output", tmp_path / "out")
    before = (tmp_path / "out" / "tiny_policy-2shot" / "completions.jsonl").read_text()
    with pytest.raises(UserError, match="holds another evaluation; nothing is overwritten"):
        score("arithmetic", "--n", 5, "--output", tmp_path / "out")
    assert (tmp_path / "out" / "tiny_policy-2shot" / "completions.jsonl").read_text() == before
    (tmp_path / "out" / "tiny_policy-2shot" / "cell.json").write_text("{")
    with pytest.raises(UserError, match=r"cell.json is damaged"):
        score("arithmetic", "--n", 4, "--output", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match="holds something else than an evaluation"):
        score("arithmetic", "--n", 5, "--output", tmp_path / "full")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shots", "0,x"], "--shots 0,x: give whole numbers with commas"),
        (["--shots", "99"], "take 0 to that many"),
        (["--samples", "0"], "draw at least one completion per problem"),
        (["--temperature", "0.7"], "--temperature needs --samples K"),
        (["--compare", ""], "--compare is empty"),
        (["--compare", "base", "--model", "base"], "--compare base is what is scored"),
        (["--model", "assets/none"], "there is no model folder assets/none"),
        (["--model", "baes"], "there is no model folder baes; did you mean base?"),
        (["--completions", "none.jsonl"], "none.jsonl cannot be read"),
        (["--completions", "none.jsonl", "--compare", "base"], "it takes another file of completions"),
        (["--split", "tset"], "there is no split tset; did you mean test?"),
        (["--completions", "x.jsonl", "--shots", "2"], "--shots does not go with --completions"),
        (["--completions", "x.jsonl", "--load_in_4bit", "false"], "--load_in_4bit does not go with --completions"),
        (["--use_vllm", "true"], "use_vllm with load_in_4bit does not work"),
        (["--use_vllm", "true", "--load_in_4bit", "false"], "use_vllm needs vLLM"),
        (["--completion", "x"], "there is no option --completion; did you mean --completions?"),
    ],
)
def test_mistakes_are_refused_before_any_work(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        eval_.main(["arithmetic", *words])
    assert message in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_vllm_gets_token_ids_the_stop_rule_and_the_adapter(
    make_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for vLLM: the real one has not been run here."""
    from types import SimpleNamespace

    from transformers import AutoTokenizer

    from rlvr_recipes import vllm_backend
    from rlvr_recipes.generation import StopRule

    tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
    calls: dict[str, Any] = {}

    class Engine:
        def __init__(self, **settings: Any) -> None:
            calls["engine"] = settings

        def generate(self, prompts: Any, settings: Any, use_tqdm: bool, lora_request: Any) -> list[Any]:
            calls.update(prompts=prompts, settings=settings, lora=lora_request)
            ids = tokenizer(" 7\n#### 7\n\nQuestion: Ada")["input_ids"]
            return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, finish_reason="stop")]) for _ in prompts]

    modules = {
        "vllm": SimpleNamespace(LLM=Engine, SamplingParams=lambda **given: given),
        "vllm.lora.request": SimpleNamespace(LoRARequest=lambda *given: given),
    }
    monkeypatch.setattr(vllm_backend.importlib, "import_module", modules.__getitem__)
    config = make_config(RECIPE, "--load_in_4bit", "false")
    make = vllm_backend.opened(config, Path("adapter"))
    backend = make(None, tokenizer, [[1, 2]], StopRule(tokenizer, RECIPE.stop), 32)
    ((ids, cut_off),) = backend.complete([[1, 2]], seed=0)
    assert (tokenizer.decode(ids), cut_off) == (" 7\n#### 7\n\n", False)
    assert calls["prompts"] == [{"prompt_token_ids": [1, 2]}]
    assert (calls["settings"][0]["temperature"], calls["settings"][0]["max_tokens"]) == (0.0, 32)
    make(None, tokenizer, [], StopRule(tokenizer, ()), 8, Sampling(2, temperature=1.0)).complete([[1], [1]], seed=5)
    assert [settings["seed"] for settings in calls["settings"]] == [5, 6]  # two samples of one problem
    assert calls["lora"][2] == "adapter"
    assert calls["engine"]["enable_prefix_caching"]
    with pytest.raises(UserError, match="cannot score a quantized policy"):
        vllm_backend.opened(make_config(RECIPE), None)
