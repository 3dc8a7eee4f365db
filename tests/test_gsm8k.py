"""GSM8K is read exactly, from every kind of file, and a bad row is named before anything else happens."""

import csv
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from rlvr_recipes import UserError, gsm8k
from rlvr_recipes.recipe import SPLITS
from rlvr_recipes.runs import fingerprint

ROWS = [
    {"question": f"What is {i},\n“doubled”?", "answer": f"{i} * 2 = <<{i}*2={2 * i}>>{2 * i}.\n#### {2 * i:,}"}
    for i in range(600)
]


def write(folder: Path, kind: str, stem: str, rows: list[dict[str, str]]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{stem}.{kind}"
    if kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind == "csv":
        with file.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, ["question", "answer"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        file = folder / f"{stem}-00000-of-00001.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file


def test_jsonl_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    prints = set()
    for kind in ("jsonl", "csv", "parquet"):
        write(tmp_path / kind, kind, "train", ROWS)
        write(tmp_path / kind, kind, "test", ROWS[:7])
        train = gsm8k.rows("train", str(tmp_path / kind))
        assert train[0] == {"question": "What is 0,\n“doubled”?", "solution": "0 * 2 = 0.\n#### 0", "answer": "0"}
        assert len(gsm8k.rows("test", str(tmp_path / kind))) == 7
        prints.add(fingerprint(train))
    assert len(prints) == 1


def test_validation_is_the_end_of_train_and_nothing_is_in_both(tmp_path: Path) -> None:
    write(tmp_path, "jsonl", "train", ROWS)
    train, validation = (gsm8k.rows(split, str(tmp_path)) for split in ("train", "validation"))
    assert [len(train), len(validation)] == [88, 512]
    assert [row["question"] for row in train + validation] == [row["question"] for row in ROWS]


def test_the_fingerprint_tells_changed_data(tmp_path: Path) -> None:
    write(tmp_path, "jsonl", "train", ROWS)
    before = fingerprint(gsm8k.rows("train", str(tmp_path)))
    write(tmp_path, "jsonl", "train", [{**ROWS[0], "answer": "#### 1"}, *ROWS[1:]])
    assert fingerprint(gsm8k.rows("train", str(tmp_path))) != before


@pytest.mark.parametrize(
    ("question", "answer", "complaint"),
    [
        ("", "#### 1", "question is empty"),
        ("  \n", "#### 1", "question is empty"),
        (None, "#### 1", "question is empty"),
        ("q", "It is 1.", "one '####'"),
        ("q", "#### 1\n#### 2", "one '####'"),
        ("q", None, "column answer is empty"),
        ("q", "####", "gold answer ''"),
        ("q", "#### several", "gold answer 'several'"),
        ("q", "#### 1 or 2", "gold answer '1 or 2'"),
        ("q", "#### 1,00", "gold answer '1,00'"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, question: str, answer: str, complaint: str) -> None:
    bad = {"question": question, "answer": answer}
    for kind, place in (("jsonl", "train.jsonl, line 4"), ("parquet", "parquet, row 4")):
        write(tmp_path / kind, kind, "train", [*ROWS[:3], bad, *ROWS[3:]])
        with pytest.raises(UserError, match=complaint) as error:
            gsm8k.rows("train", str(tmp_path / kind))
        assert place in str(error.value)


def test_a_bad_csv_row_is_named_with_its_line(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "1\n#### 1"}, {"question": "q", "answer": "none"}]
    write(tmp_path, "csv", "test", rows)
    with pytest.raises(UserError, match=r"test\.csv, line 4"):  # the header, an answer of two lines, the bad row
        gsm8k.rows("test", str(tmp_path))


def test_broken_files_are_named(tmp_path: Path) -> None:
    for name, content, complaint in (
        ("a", b'{"question": "q", "answer": "#### 1"}\n{"question"', "line 2: not JSON"),
        ("b", b"[1]\n", "line 1: a row must be a JSON object"),
        ("c", b'{"question": "q"}\n', "line 1: no column answer; found question"),
        ("d", b'{"question": "\xff"}\n', "not UTF-8"),
        ("e1", b"[" * 200_000, "line 1: not JSON"),
        ("e2", b'{"question": "q", "answer": "#### 1", "n": ' + b"1" * 5000 + b"}", "line 1: not JSON"),
        ("e3", b'{"question": "q", "answer": "#### 1", "answer": "#### 2"}', "a key stands there twice"),
        ("e4", b'{"question": "\\ud800", "answer": "#### 1"}', "line 1: half of a surrogate pair"),
        ("e5", b'{"question": "q", "answer": "#### 0,018"}', "gold answer '0,018'"),
        ("e6", b'{"question": "q", "answer": "#### 18\\nso it is"}', "line 1: gold answer"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test.jsonl").write_bytes(content)
        with pytest.raises(UserError, match=complaint):
            gsm8k.rows("test", str(tmp_path / name))
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "test.parquet").write_bytes(b"PAR")
    with pytest.raises(UserError, match="not a sound parquet file"):
        gsm8k.rows("test", str(tmp_path / "e"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("question,answer\nq?,so it is #### 1,200\n", "line 2: not as many cells as columns"),
        ("question,answer\nq?\n", "line 2: not as many cells as columns"),
        ("question,answer,answer\nq,a,#### 1\n", "a column stands there twice"),
        ('question,answer\nq,"#### 1\n', "after line [12]: not CSV"),
        ("question,answer\nq," + "x" * 200_000 + "\n", "after line 1: not CSV: field larger"),
        ("", ""),
    ],
)
def test_a_csv_file_that_is_not_what_it_seems_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "test.csv").write_text(content)
    if not content:
        assert gsm8k.rows("test", str(tmp_path)) == []  # which the recipe's own check refuses
        return
    with pytest.raises(UserError, match=complaint):
        gsm8k.rows("test", str(tmp_path))


def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path) -> None:
    for kind in ("csv", "jsonl"):
        file = write(tmp_path / kind, kind, "test", ROWS[:2])
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        assert [row["answer"] for row in gsm8k.rows("test", str(tmp_path / kind))] == ["0", "2"]


def test_a_folder_must_hold_one_file_per_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder that can be read"):
        gsm8k.rows("test", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="has no test; give it one test.jsonl"):
        gsm8k.rows("test", str(tmp_path))
    write(tmp_path, "jsonl", "test", ROWS[:1])
    write(tmp_path, "csv", "test", ROWS[:1])
    with pytest.raises(UserError, match="has 2 files for test"):
        gsm8k.rows("test", str(tmp_path))


def test_an_unknown_split_and_a_train_file_without_training_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split tset; did you mean test"):
        gsm8k.rows("tset", str(tmp_path))
    write(tmp_path, "jsonl", "train", ROWS[:512])
    with pytest.raises(UserError, match="none is left"):
        gsm8k.rows("train", str(tmp_path))


def test_the_hub_out_of_reach_points_to_local_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(UserError, match="--dataset_path DIR"):
        gsm8k.rows("test")


def test_the_hubs_rows_go_the_same_way_as_local_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load_dataset(path: str, name: str, split: str) -> datasets.Dataset:
        assert (path, name, split) == ("openai/gsm8k", "main", "train")
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert gsm8k.rows("train")[3] == {
        "question": "What is 3,\n“doubled”?",
        "solution": "3 * 2 = 6.\n#### 6",
        "answer": "6",
    }


def test_the_real_data_has_its_known_size_and_golds(gsm8k_folder: Path) -> None:
    splits = {split: gsm8k.rows(split, str(gsm8k_folder)) for split in SPLITS}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 6961, "validation": 512, "test": 1319}
    unpayable = [r["answer"] for s in splits.values() for r in s if "," in r["answer"] or "-" in r["answer"]]
    assert len(unpayable) == 98  # what the reference system could never pay: 82 in train, 16 in test
    assert not any("<<" in row["solution"] for rows in splits.values() for row in rows)
