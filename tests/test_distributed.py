"""Two processes train one policy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from safetensors.torch import load_file


@pytest.mark.slow
def test_two_processes_share_a_run(tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "rlvr_recipes.train", "arithmetic"]
    words += ["--max_steps", "2", "--per_device_train_batch_size", "4", "--eval_rows", "8", "--output_dir", "run"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("recipe arithmetic:") == 1  # one of them speaks
    rows = pyarrow.parquet.read_table(tmp_path / "run" / "completions" / "step_00001.parquet").to_pylist()
    assert len(rows) == 8  # one group of eight, half of it from each
    assert len({row["prompt"] for row in rows}) == 1
    assert len({row["completion"] for row in rows}) > 1
    steps = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2]
    assert steps[0]["reward"] == pytest.approx(sum(row["reward"] for row in rows) / 8)
    listed = json.loads((tmp_path / "run" / "checkpoints" / "checkpoint-2" / "complete.json").read_text())
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= listed.keys()


@pytest.mark.slow
def test_two_processes_learn_the_same_with_and_without_the_shared_prefix(tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "rlvr_recipes.train", "arithmetic"]
    words += ["--max_steps", "2", "--per_device_train_batch_size", "4", "--eval_rows", "0", "--load_in_4bit", "false"]
    adapters = []
    for flags in (["--output_dir", "shared"], ["--output_dir", "whole", "--no_shared_prefix"]):
        done = subprocess.run(
            [sys.executable, *words, *flags],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "shared prefix: off" not in done.stdout
        adapters.append(load_file(tmp_path / flags[1] / "adapter" / "adapter_model.safetensors"))
    shared, whole = adapters
    for name, weights in whole.items():
        assert (shared[name] - weights).norm() <= 1e-3 * weights.norm(), name
