"""The report of a run, opened in a real headless Chromium where there is one; its run folders are made here."""

import base64
import gzip
import json
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlvr_recipes import report as report_
from rlvr_recipes import scores
from rlvr_recipes.recipe import UserError
from rlvr_recipes.report_completions import common, own
from rlvr_recipes.runs import RunFolder, write_whole
from rlvr_recipes.statistics import wilson

Command = Callable[..., subprocess.CompletedProcess[str]]
SHARED = "Question: Two pens and one pen?\nAnswer: 2 + 1 = 3\n#### 3\n\n"
ATTACK = "</script><img src=x onerror='window.hurt=1'><script>window.hurt=1</script>\n#### 7"
ODD = "a\u0000b \u202edesrever\u202c \u200b ñ 漢字 🎉\n#### 7"
REWARDS = ("correct_number", "answer_line")


def summary(right: int, n: int) -> dict[str, Any]:
    share = right / n
    found = scores.Summary(
        n, 1, right, scores.Estimate(share, wilson(right, n)), {"correct_number": share, "answer_line": 0.75},
        ("answer_line",), share, 0.0, 12.5, 1.0,
    )  # fmt: skip
    return scores.as_json(found)


def record(row: int, right: bool) -> dict[str, Any]:
    answer = row if right else row + 10
    return {
        "row": row, "sample": 0, "completion": f" {row} is {answer}\n#### {answer}\n\n", "tokens": 9, "cut_off": False,
        "lenient": right, "extracted": str(answer), "where": "####", "reason": f"{answer} {'=' if right else 'is not'} {row}",
        "correct_number": float(right), "answer_line": 1.0,
    }  # fmt: skip


def completion(step: int, prompt: int, number: int, right: bool, **changes: Any) -> dict[str, Any]:
    gold = 10 * step + prompt
    answer = gold if right else gold + 1 + number
    return {
        "prompt": f"{SHARED}Question: What is {gold} plus 0?\nAnswer:",
        "completion": f" {gold} + 0 = {answer}\n#### {answer}",
        "tokens": 11,
        "cut_off": number == 3,
        "reward": 1.1 if right else 0.1,
        "correct_number": float(right),
        "answer_line": 1.0,
        "lenient": right,
        "extracted": str(answer),
        "where": "####",
        "reason": f"{answer} {'=' if right else 'is not'} {gold}",
        "columns": json.dumps({"question": f"What is {gold} plus 0?", "answer": str(gold)}),
        **changes,
    }


def make_run(path: Path, steps: int = 6, planned: int = 6, done: bool = True, **config: Any) -> RunFolder:
    """A run folder as training leaves it: 2 prompts x 4 completions a step, 12 held-out rows, 8 of which flip."""
    folder = RunFolder(path)
    for name in ("completions", "evaluation"):
        (path / name).mkdir(parents=True)
    (path / "recipe.py").write_text("raise RuntimeError('a report needs no recipe')\n")
    values = {
        "model_name_or_path": "assets/tiny_policy", "max_steps": planned, "num_generations": 4, "learning_rate": 1e-3,
        "reward_weights": [1.0, 0.1], "load_in_4bit": True, "use_peft": True, "lora_r": 16, "lora_alpha": 32, **config,
    }  # fmt: skip
    (path / "config.yaml").write_text(yaml.safe_dump(values))
    manifest = {
        "recipe": "plus_nothing", "recipe_path": "/a/recipes/plus_nothing.py", "started": "2026-11-21T12:00:00+0000",
        "command": ["/x/train.py", "my recipes/plus_nothing.py", "--seed", "7"], "seed": 7,
        "git": {"commit": "0123456789abcdef", "changed_files": []}, "versions": {"trl": "1.16.0"},
        "hardware": {"machine": "x86_64", "cores": 2, "gpus": []},
        "data": {"train": {"rows": 100, "sha256": "a"}, "test": {"rows": 12, "sha256": "b"}},
    }  # fmt: skip
    (path / "manifest.json").write_text(json.dumps(manifest))
    for step in range(1, steps + 1):
        right = step / (steps + 1)
        metrics = {
            "step": step, "reward": right + 0.1, "rewards/correct_number/mean": right, "rewards/answer_line/mean": 1.0,
            "accuracy": right, "lenient": min(1.0, right + 0.1), "dead_groups": 0.5, "completions/clipped_ratio": 0.0,
            "completions/mean_length": 9.0 + step, "entropy": 0.5 / step, "learning_rate": 1e-3, "grad_norm": float("nan"),
            "tokens_per_second": 10000.0,
        }  # fmt: skip
        if step == 3:
            text = "90% of the groups earn one and the same reward (limit 80%); raise --temperature <b>"
            metrics["alarms"] = [{"name": "dead_groups", "value": 0.9, "threshold": 0.8, "text": text}]
        folder.append_metrics(metrics)
        odd = {0: {"completion": ATTACK}, 1: {"completion": ODD}} if step == 2 else {}
        folder.write_completions(
            step,
            [completion(step, 1, i, True) for i in range(4)]
            + [completion(step, 2, i, i < 2, **odd.get(i, {})) for i in range(4)],
        )
    rights = {"before": range(4), "after": range(2, 12)}
    for when in ("before", "after") if done else ("before",):
        lines = scores.lines_of(record(row, row in rights[when]) for row in range(12))
        write_whole(path / "evaluation" / f"{when}.jsonl", lines)
    rows = [{"question": f"Which number is {row}, really?", "answer": row} for row in range(12)]
    write_whole(path / "evaluation" / "rows.jsonl", scores.lines_of(rows))
    results = {"before": summary(4, 12)}
    if done:
        results |= {"train": {"first_step": 1, "last_step": steps, "seconds": 41.0}, "after": summary(10, 12)}
    folder.write_results(results)
    return folder


def add_shots(folder: RunFolder) -> None:
    """An evaluation with several numbers of exemplars, as `eval --output RUN/shots` leaves it."""
    cells = [
        {
            "policy": policy,
            "train_shots": trained,
            "shots": shots,
            "completions": "-",
            "sampling": {},
            **summary(right, 12),
        }
        for policy, trained, rights in (("tiny (base)", None, (2, 4, 5)), ("runs/x", 2, (8, 10, 11)))
        for shots, right in zip((0, 2, 4), rights, strict=True)
    ]
    (folder.path / "shots").mkdir()
    RunFolder(folder.path / "shots").write_results({"n": 12, "split": "test", "samples": 1, "cells": cells})


# ------------------------------------------------------------------------------------------------------- in a browser


class Page:
    """A report in a browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, file: Path, scheme: str = "light", width: int = 1280) -> None:
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(file.resolve().as_uri())
        self.wait("return document.documentElement.dataset.ready")

    def js(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def wait(self, script: str, *given: Any) -> Any:
        for _ in range(400):
            if found := self.js(script, *given):
                return found
            time.sleep(0.025)
        raise AssertionError(f"not within 10 s: {script}; the console says {self.complaints()}")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def text(self, selector: str = "body") -> str:
        return self.js("return document.querySelector(arguments[0]).innerText", selector)

    def texts(self, selector: str) -> list[str]:
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    def tab(self, label: str) -> None:
        script = "[...document.querySelectorAll('.tabs button')].find(b => b.innerText.endsWith(arguments[0])).click()"
        self.js(script, label)
        self.wait("return document.querySelector('.tabs [aria-pressed=true]').innerText.endsWith(arguments[0])", label)

    def choose(self, **fields: Any) -> str:
        """Sets filters; what the browser says of them then."""
        if fields:
            self.js("document.querySelector('#browser [role=status]').textContent = ''")
        self.js(
            "for (const [name, value] of Object.entries(arguments[0])) {"
            "  const field = document.querySelector(`#browser [name=${name}]`);"
            "  field.value = value;"
            "  field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'));"
            "}",
            {name: str(value) for name, value in fields.items()},
        )
        said = "document.querySelector('#browser [role=status]').textContent"
        return self.wait(f"return / of /.test({said}) && document.querySelector('#browser [data-page]') && {said}")

    def draw_all(self) -> int:
        """Has every chart drawn, and says how many there are."""
        self.js("dispatchEvent(new Event('beforeprint'))")
        self.wait("return [...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))")
        return self.js("return document.querySelectorAll('.plot').length")


@contextmanager
def chromium(folder: Path, strategy: str = "normal") -> Iterator[Page]:
    """A browser with its files in a folder; with the strategy "none" it can be asked before a page is there."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed (apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.page_load_strategy = strategy
    for flag in (
        "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        f"--disable-component-update --disable-sync --user-data-dir={folder}"
    ).split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    yield Page(driver)
    driver.quit()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole run."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "whole")
    add_shots(folder)
    assert report_.main([str(folder.path)]) == 0
    return folder.path / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_loads_nothing_and_fits_the_window(browser: Page, made: Path, scheme: str, width: int) -> None:
    browser.open(made, scheme, width)
    assert browser.draw_all() == 10
    assert browser.complaints() == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    requests = [m["params"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    asked = {r["request"]["url"] for r in requests if not r["documentURL"].startswith("chrome:")}  # its start page
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {made.resolve().as_uri()}
    assert browser.js("return document.documentElement.scrollWidth") <= width
    back = [
        int(part) for part in re.findall(r"\d+", browser.js("return getComputedStyle(document.body).backgroundColor"))
    ]
    assert (sum(back) > 600) is (scheme == "light")
    line = "return document.querySelector('#chart-entropy .scatterlayer path.js-line').style.stroke"
    before = browser.js(line)
    browser.js("document.getElementById('theme').click()")
    browser.wait(f"{line} !== arguments[0]", before)  # the charts follow


def test_it_says_what_was_trained_and_what_came_of_it(browser: Page, made: Path) -> None:
    assert not re.search(r"https?://", made.read_text(encoding="utf-8"))
    browser.open(made)
    browser.draw_all()
    text = browser.text()
    assert browser.texts(".figures b") == ["33.3%", "83.3%", "+50.0"]
    assert "+50.0 points [−0.1, +85.8] on 12 problems: 8 won, 2 lost, 2 even; McNemar p = 0.11" in text
    assert "python -m rlvr_recipes.train 'my recipes/plus_nothing.py' --seed 7" in text
    assert f"python -m rlvr_recipes.train {made.parent}/recipe.py --config {made.parent}/config.yaml" in text
    assert "correct_number × 1.0, answer_line × 0.1" in text
    assert "NF4, LoRA r16, alpha 32" in text
    assert browser.texts(".alarms li") == [
        "dead groups (step 3): 90% of the groups earn one and the same reward (limit 80%); raise --temperature <b>"
    ]
    titles = browser.texts("figure h3")
    assert titles == [
        "Accuracy (correct_number)", "Accuracy by exemplars in the prompt", "Reward", "Answers and form", "Dead groups",
        "Cut off", "Length, tokens", "Entropy", "Learning rate", "Tokens per second",
    ]  # fmt: skip
    assert browser.texts("#chart-dead_groups .now") == ["50.0% at step 6; dotted: alarm"]
    assert browser.js("return document.querySelectorAll('.shots .yerror, .shots path.yerror').length") == 6


def test_completions_are_filtered_and_their_answers_marked(browser: Page, made: Path) -> None:
    browser.open(made)
    browser.tab("in training")
    assert browser.choose() == "48 of 48 completions"
    assert browser.texts(".group > header")[0] == "Step 1, prompt 1: 4 of 4 right, a dead group"
    assert SHARED.split("\n")[0] not in browser.text("#browser .question")
    assert "What is 11 plus 0?" in browser.text("#browser .question")
    assert "answer: 11" in browser.text("#browser .question")
    assert browser.choose(verdict="wrong") == "12 of 48 completions"
    assert set(browser.texts("article .verdict")) == {"wrong"}
    assert browser.texts("article mark")[0] == "15"
    assert browser.texts("article footer")[0] == "read 15 after ####: 15 is not 12"
    assert browser.choose(**{"from": 3, "to": 4}) == "4 of 48 completions"
    assert browser.choose(verdict="", reward="correct_number", least=1) == "12 of 48 completions"
    assert browser.choose(least="", reward="", most=0.5, to="") == "8 of 48 completions"
    assert browser.choose(most="", **{"from": ""}, group="mixed") == "24 of 48 completions"
    assert browser.choose(group="", verdict="cut") == "12 of 48 completions"
    assert browser.choose(verdict="", words="漢字") == "1 of 48 completions"
    assert browser.choose(words="") == "48 of 48 completions"
    first = browser.text("article")
    browser.js("[...document.querySelectorAll('.pages button')].find(b => b.innerText === 'Next').click()")
    browser.wait("return document.querySelector('[data-page=\"2\"]')")
    assert browser.text("article") != first


def test_flipped_problems_stand_side_by_side(browser: Page, made: Path) -> None:
    browser.open(made)
    browser.tab("held-out problems")
    assert browser.choose() == "10 of 12 problems"  # it opens with those that flipped
    assert browser.choose(verdict="lost") == "2 of 12 problems"
    assert browser.texts("article header b") == ["before training", "after training"] * 2
    assert browser.texts("article .verdict") == ["right", "wrong"] * 2
    assert browser.texts("article mark") == ["0", "10", "1", "11"]
    assert "Which number is 0, really?" in browser.text(".group")
    assert browser.choose(verdict="won") == "8 of 12 problems"
    assert browser.choose(row=7) == "1 of 12 problems"


@pytest.mark.parametrize(
    ("text", "extracted", "where", "marked"),
    [
        ("4 + 4 = 8, #### 4\n#### 4 pens", "4 pens", "####", "#### [4 pens]"),
        ("14 and \\boxed{4}", "4", "boxed", "\\boxed{[4]}"),
        ("x <answer> 12 </answer> 12", "12", "<answer>", "> [12] <"),
        ("The answer is 7. 17", "7", "the answer is", "is [7]."),
        ("14 or 4 or 41", "4", None, "or [4] or"),
        ("3.14", "14", None, None),
        ("no", "7", "####", None),
    ],
)
def test_where_the_answer_stands(
    browser: Page, made: Path, text: str, extracted: str, where: str | None, marked: str | None
) -> None:
    if browser.js("return typeof answerPlace") != "function":
        browser.open(made)
    place = browser.js("return answerPlace(...arguments)", text, extracted, where)
    shown = place and f"{text[: place[0]]}[{text[place[0] : place[1]]}]{text[place[1] :]}"
    assert shown == marked or (marked is not None and marked in shown)


def test_what_a_policy_writes_stays_text(browser: Page, made: Path) -> None:
    browser.open(made)
    browser.tab("in training")
    assert browser.choose(**{"from": 2, "to": 2}) == "8 of 48 completions"
    shown = browser.texts("article .text")
    assert ATTACK.split("\n")[0] in shown[4]
    assert "U+0000b U+202EdesreverU+202C U+200B ñ 漢字 🎉" in shown[5]
    assert browser.js("return document.querySelectorAll('#browser img, #browser script').length") == 0
    assert browser.js("return window.hurt") is None
    # And if it did become markup, the page's policy would not run it.
    browser.js("document.getElementById('browser').innerHTML = `<img src=x onerror='window.hurt=1'>`")
    time.sleep(0.3)
    assert browser.js("return window.hurt") is None


def test_half_characters_and_numbers_that_are_none(tmp_path: Path, browser: Page) -> None:
    folder = make_run(tmp_path / "run")
    lines = [json.dumps({**record(row, True), "completion": "\ud800 #### 1"}) for row in range(12)]
    (folder.path / "evaluation" / "after.jsonl").write_text("\n".join(lines))
    rows = [completion(1, 1, i, False, correct_number=float("nan"), extracted=None, where=None) for i in range(4)]
    folder.write_completions(1, rows)
    report_.main([str(folder.path)])
    browser.open(folder.path / "report.html")
    browser.tab("in training")
    browser.choose(to=1)
    assert "correct_number –" in browser.text("article header")
    assert "no answer was read" in browser.text("article footer")
    assert browser.complaints() == []


def spoil_step(path: Path, **changes: Any) -> None:
    RunFolder(path).write_completions(2, [{**completion(2, 1, i, True), **changes} for i in range(4)])


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "killed": (lambda path: None, "There is no evaluation after training, so"),
    "no results": (lambda path: (path / "results.json").unlink(), "There is no evaluation."),
    "half results": (lambda path: (path / "results.json").write_text("{"), "results.json is damaged: "),
    "other results": (lambda path: (path / "results.json").write_text('{"before": {"n": 3}}'), "before training lack"),
    "no metrics": (lambda path: (path / "metrics.jsonl").unlink(), "No training step was finished."),
    "half a step": (lambda path: (path / "metrics.jsonl").open("a").write('{"step": 4, "rew'), "stopped after step 3 of 6."),
    "no steps": (lambda path: shutil.rmtree(path / "completions"), "The completions of training are not in the folder."),
    "half a file": (lambda path: (path / "completions/step_00002.parquet").write_bytes(b"PAR1"), "out: step_00002.parquet"),
    "a text that is none": (lambda path: spoil_step(path, prompt=4), "left out: step_00002.parquet"),
    "odd alarms": (lambda path: (path / "metrics.jsonl").open("a").write('{"step": 4, "alarms": 5}\n'), "after step 4 of 6."),
    "a half row": (lambda path: (path / "evaluation/before.jsonl").write_text(
        '{"row": 1.5, "completion": "", "correct_number": 1}\n'), "before.jsonl, line 1 is damaged"),
    "an odd name": (lambda path: shutil.copy(path / "completions/step_00002.parquet", path / "completions/step_².parquet"),
                    "stopped after step 3 of 6."),
    "an odd verdict": (lambda path: spoil_step(path, lenient="yes"), "stopped after step 3 of 6."),
    "no evaluation": (lambda path: shutil.rmtree(path / "evaluation"), "before training cannot be shown: evaluation/"),
    "lines": (lambda path: (path / "evaluation/before.jsonl").write_text('{"row": 0}\n'), "before.jsonl, line 1 is damaged"),
    "rows": (lambda path: (path / "evaluation/rows.jsonl").write_text("x"), "rows.jsonl, line 1 is no JSON"),
}  # fmt: skip


def test_runs_that_lack_something(tmp_path: Path, browser: Page) -> None:
    folders = []
    for name, (spoil, _) in SPOILT.items():
        folders.append(make_run(tmp_path / name, steps=3, done=False).path)
        spoil(folders[-1])
    assert report_.main([*map(str, folders), "--output", str(tmp_path / "all.html")]) == 0
    browser.open(tmp_path / "all.html")
    notes = browser.texts(".notes li")
    for name, (_, said) in SPOILT.items():
        assert any(note.startswith(f"{name}: ") and said in note for note in notes), (name, notes)
    assert browser.complaints() == []


def test_a_run_that_was_killed(tmp_path: Path, browser: Page) -> None:
    folder = make_run(tmp_path / "run", steps=3, done=False)
    (folder.path / "metrics.jsonl").open("a").write('{"step": 4, "rew')
    report_.main([str(folder.path)])
    browser.open(folder.path / "report.html")
    assert browser.texts(".notes li") == [
        "The run stopped after step 3 of 6.",
        "There is no evaluation after training, so what it brought is not known.",
    ]
    assert browser.texts(".figures b") == ["33.3%"]
    assert browser.texts("#browser article .verdict")[:5] == ["right"] * 4 + ["wrong"]
    assert browser.complaints() == []


def test_a_run_of_which_nothing_is_left(tmp_path: Path, browser: Page) -> None:
    folder = make_run(tmp_path / "run")
    for name in ("results.json", "metrics.jsonl"):
        (folder.path / name).unlink()
    for name in ("completions", "evaluation"):
        shutil.rmtree(folder.path / name)
    report_.main([str(folder.path)])
    browser.open(folder.path / "report.html")
    text = browser.text()
    for said in (
        "Nothing was evaluated",
        "No step was logged.",
        "No alarm was recorded.",
        "There are none in the folder.",
    ):
        assert said in text
    assert browser.complaints() == []


def test_several_runs_side_by_side(tmp_path: Path, browser: Page) -> None:
    one, other = (
        make_run(tmp_path / "a" / "run"),
        make_run(tmp_path / "b" / "run", steps=4, learning_rate=5e-4, done=False),
    )
    output = tmp_path / "both.html"
    report_.main([str(one.path), str(other.path), "--output", str(output)])
    browser.open(output, width=390)
    browser.draw_all()
    assert browser.text("h1") == "plus_nothing: 2 runs"
    assert browser.texts("#curves + .legend span") == ["a/run", "b/run"]
    assert browser.texts(".texts tbody tr") == ["learning_rate\t0.001\t0.0005"]
    assert "a/run: before training, test" in browser.text()
    assert browser.js("return document.querySelectorAll('#chart-entropy .scatterlayer .trace').length") == 2
    assert [t for t in browser.texts("figure h3") if t.startswith("Reward")] == [
        "Reward: weighted sum", "Reward: correct_number", "Reward: answer_line",
    ]  # fmt: skip
    assert browser.texts(".tabs button") == [
        "a/run: held-out problems", "a/run: in training", "b/run: held-out problems", "b/run: in training",
    ]  # fmt: skip
    assert browser.texts(".notes li")[0] == "b/run: The run stopped after step 4 of 6."
    assert browser.js("return document.documentElement.scrollWidth") <= 390
    assert browser.complaints() == []


def test_what_does_not_fit_is_left_out_evenly_and_said(tmp_path: Path, browser: Page) -> None:
    folder = make_run(tmp_path / "run", steps=40, planned=40)
    for step in range(1, 41):
        rows = [completion(step, p, i, i < 2) for p in range(8) for i in range(4)]
        words = [{**row, "completion": random.Random(f"{step} {n}").randbytes(200).hex()} for n, row in enumerate(rows)]
        folder.write_completions(step, words)
    html = tmp_path / "small.html"
    html.write_text(report_.report([folder.path], budget=100_000))
    browser.open(html)
    browser.tab("in training")
    told = re.fullmatch(r"(\d+) of 1,280 completions are in this report, whole groups, .*", browser.text(".part"))
    assert told is not None
    assert 100 < int(told[1]) < 600
    assert int(told[1]) % 4 == 0
    steps = [int(text.split()[1].rstrip(",")) for text in browser.texts(".group > header")]
    assert steps[0] <= 4
    assert not browser.choose(**{"from": 37}).startswith("0 ")


def test_a_page_that_is_still_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn already, and completions of which a half is there are waited for."""
    folder = make_run(tmp_path / "run").path
    head, plotly = re.findall(r'<script type="text/plain".*?</script>', report_.report([folder]))[:2]
    monkeypatch.setattr(report_, "OPENS_WITH", len(head) + len(plotly))
    page = report_.report([folder]).encode()
    half = page.index(b'id="training-0-0">') + 200
    assert half > page.index(b'"use strict"')
    rest = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page[:half])
            rest.wait(20)
            self.wfile.write(page[half:])

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server, chromium(tmp_path / "chromium", "none") as browser:
        threading.Thread(target=server.serve_forever).start()
        try:
            browser.driver.get(f"http://127.0.0.1:{server.server_port}/")
            browser.wait("return document.querySelector('.plot[data-drawn]')")
            assert browser.js("return document.readyState") == "loading"
            browser.wait("return document.querySelector('.tabs button')")
            browser.tab("in training")
            rest.set()
            browser.wait("return document.querySelectorAll('#browser article').length")
            browser.wait("return document.documentElement.dataset.ready")
            assert [line for line in browser.complaints() if "favicon" not in line] == []
        finally:
            rest.set()
            server.shutdown()


# ---------------------------------------------------------------------------------------------------- without a browser


def test_it_is_light(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    code = (
        f"import sys, time; from rlvr_recipes import report; report.main([{str(folder.path)!r}])\n"
        "print(time.process_time(), *{'torch', 'trl', 'transformers', 'datasets'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, *heavy = done.stdout.splitlines()[-1].split()
    assert not heavy
    assert float(took) < 3


def test_plotly_sets_up_only_what_is_drawn() -> None:
    script = json.loads(gzip.decompress(base64.b64decode(report_.library())))
    assert script.count(".register([])") == 1, "another Plotly: the list of traces that it registers looks different"


def test_the_same_run_gives_the_same_report(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    assert report_.report([folder.path]) == report_.report([folder.path])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "there is no run folder nothing"),
        (["other"], "other is not a run folder: recipe.py is missing"),
        (["run", "run"], "run stands there twice"),
        (["run", "--ouptut", "x.html"], "there is no option --ouptut; did you mean --output?"),
        (["run", "--output", "mine.html"], "mine.html holds something else than a report; nothing is overwritten"),
        (["run", "--output", "other"], "other is a folder; name a file"),
        (["run", "--output", "no/where.html"], "there is no folder no"),
        (["damaged"], "damaged/manifest.json is damaged: "),
        ([], "the following arguments are required: RUN"),
    ],
)
def test_mistakes_end_in_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run")
    (make_run(tmp_path / "damaged").path / "manifest.json").write_text("[")
    (tmp_path / "other").mkdir()
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UserError) as found:
        report_.main(words)
    assert message in str(found.value)
    assert "\n" not in str(found.value)
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_the_command_writes_where_it_says(tmp_path: Path, command: Command) -> None:
    make_run(tmp_path / "runs" / "one")
    make_run(tmp_path / "runs" / "two")
    assert command("report", "runs/one").stdout.startswith("runs/one/report.html: 2.")
    assert command("report", "runs/one", "runs/two").stdout.startswith("report.html: 2.")
    assert command("report", "runs/one").returncode == 0  # a report is replaced
    assert command("report", "nothing", check=False).returncode == 2


def test_what_all_prompts_begin_with() -> None:
    chat = [[["system", "Solve."], ["user", "1?"], ["assistant", "1"], ["user", f"{n}?"]] for n in (2, 3)]
    assert common(chat) == chat[0][:3]
    assert own(chat[1], common(chat)) == [["user", "3?"]]
    assert common([[["", "one"]], [["", "two"]]]) == []
    assert common([[["", "the same"]], [["", "the same"]]]) == []
    twice = [[["", "a\n\nb\n\n"]], [["", "a\n\nb\n\n"]]]
    assert common(twice) == [["", "a\n\n"]]
    assert common([]) == []


@pytest.mark.slow
@pytest.mark.alone
def test_100_000_completions(tmp_path: Path, browser: Page) -> None:
    """Under 20 MB, and open within 2 s."""
    folder = make_run(tmp_path / "run", steps=100, planned=100, num_generations=8)
    rng = random.Random(0)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(4000)]
    for step in range(1, 101):
        rows = []
        for prompt in range(125):
            for number in range(8):
                text = " ".join([*rng.choices(words, k=35), f"\n#### {number}"])
                rows.append(completion(step, prompt, number, number < 3, completion=text, extracted=str(number)))
        folder.write_completions(step, rows)
    began = time.monotonic()
    report_.main([str(folder.path)])
    took = time.monotonic() - began
    file = folder.path / "report.html"
    browser.open(file)
    ready = int(browser.js("return document.documentElement.dataset.ready"))
    browser.tab("in training")
    assert browser.choose() == "100,000 of 100,000 completions"
    began = time.monotonic()
    assert browser.choose(verdict="wrong").endswith(" completions")
    filtered = time.monotonic() - began
    began = time.monotonic()
    browser.choose(verdict="", words=words[7])
    searched = time.monotonic() - began
    print(f"{took:.1f} s to make, {file.stat().st_size / 1e6:.1f} MB, ready after {ready} ms, filtered in "
          f"{filtered:.2f} s, searched in {searched:.1f} s")  # fmt: skip
    assert file.stat().st_size < 20_000_000
    assert ready < 2000
    assert filtered < 1
