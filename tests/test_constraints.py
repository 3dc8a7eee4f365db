"""Every constraint by labelled cases, the tricks that a policy might try, rows that cannot be followed, and time."""

import json
import random
import time
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards import follows_constraints
from rewards.constraints import CONSTRAINTS, Seen, broken, read_constraints

ZERO_WIDTH = "\u200b"
ZALGO = "\u0301\u0302\u0303\u0304\u0308\u030a\u0316\u0317\u0318\u0319" * 20

# (name, arguments, [texts for which it holds], [texts for which it does not])
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("words", {"exactly": 3}, [
        "one two three", "Don't stop now.", "1,000.5 is big", "a-b c", "Ünïcödé wörds hére", "ну вот и", "日本語", "春よ こ",
        "- one - two - three -", "co\u00adoperate is fine", f"one{ZERO_WIDTH} two three", "e\u0301tude n\u00ba 3", "one\ttwo\nthree", "x_y_z",
        "नमस्ते दुनिया भाई", "one\u3000two\u3000three", "well-known man", "안녕 세상 아", "مرحبا بك هنا",
    ], [
        "one two", "one two three four", f"one{ZERO_WIDTH}two three", "don't can't", "日本", "... ... ...", "", "a-b-c-d", "x" * 200,
    ]),
    ("words", {"at_most": 2}, ["one two", "one", ""], ["this_is_glued", "o\u2800n\u3164e", "one-two-three", "one.two.three", "a'b'c'd'e", "x" * 121]),
    ("words", {"at_least": 3}, ["one two three"], [f"a{ZERO_WIDTH}b{ZERO_WIDTH}c", "a\u2060b\u2060c", "a\0b\0c", "! ! !", "\u3164 \u3164 \u3164", "- - -"]),
    ("different_words", {"at_least": 3}, ["one two three"], ["one One ONE two", "one one one"]),
    ("capital_words", {"exactly": 2}, ["This is VERY BIG.", "ÜBER ALLES hier", "NASA and ESA"], ["This is VERY big.", "I A B", "ALL OF IT"]),
    ("characters", {"exactly": 5}, ["hello", "  hello\n", "h\u0065\u0301llo", "hel" + ZERO_WIDTH + "lo", "a b c", f"hell{'o' + ZALGO}"], ["hell", "hello!"]),
    ("longest_line", {"at_most": 5}, ["hello\nworld", "a\nb"], ["hello\nworlds", "hello\u2028worlds"]),
    ("lines", {"exactly": 2}, ["a\nb", "a\n\n\nb", "a\r\nb", "a\rb", "a\u2028b", "a\x0bb"], ["a b", "a\nb\nc", f"a\n{ZERO_WIDTH}"]),
    ("paragraphs", {"exactly": 2}, ["one\n\ntwo", "one\n \t\ntwo", "one\nstill one\n\n\n\ntwo", "one\r\n\r\ntwo", "one\n\n---\n\ntwo"], [
        "one\ntwo", "one", "one\n\n\u200b\n\n", "one\n\n...\n\n!", "one\n\none", "one\n\nONE", "one\n\ntwo\n\nthree"]),
    ("paragraphs", {"at_most": 2}, ["one\n\ntwo"], ["one\n\none\n\none"]),
    ("paragraphs", {"exactly": 2, "separator": "***"}, ["one\n***\ntwo", "one\n\nstill one\n\n***\n\ntwo"], ["one\n\ntwo", "one *** two", "***\none\n***", "one\n***\none"]),
    ("sentences", {"exactly": 2}, [
        "I came. I saw.", "Really? Yes!", "Wait... what?", "It costs 3.50 dollars. Cheap!", "He said \"go.\" They went.", "我来了。我看见了。", "هل جئت؟ نعم.",
        "मैं आया। मैंने देखा।", "e.g. this is one. This too.", "J. R. Smith came. He saw.", "What?! No!!!", "i came. i saw.", "A heading\n\nA sentence.",
        "1. First point.\n2. Second point.", "- milk\n- bread", "It ends here.\nAnd here.", "I came (at last.) I saw.",
    ], ["I came", "I came. I came.", "I came, I saw.", "I came. I saw. I won.", ". . . .", "www.example.com is a site.", "! ? !", "1. 2."]),
    ("sentences", {"at_most": 1}, ["I came and saw.", "version 1.2.3 is out."], ["I came. I came.", "One! Two!"]),
    ("bullet_points", {"exactly": 2}, ["- a\n- b", "* a\n* b", "• a\n• b", "Here:\n  - a\n  - b\nDone.", "+ a\n- b"], ["- a", "-a\n-b", "- a\n- a", "- \n- b", "---\n- a", "- a\n- b\n- c", "- a - b"]),
    ("numbered_points", {"exactly": 3}, ["1. a\n2. b\n3. c", "1) a\n2) b\n3) c", "1. a\nmore\n2. b\n3. c"], ["1. a\n1. b\n1. c", "2. a\n3. b\n4. c", "1.a\n2.b\n3.c", "1. a\n2. a\n3. a"]),
    ("sections", {"exactly": 2}, ["Section 1\nfoo\nSection 2\nbar", "## SECTION 1: x\nfoo\n## SECTION 2: y\nbar", "**Section 1**\nfoo\n\n**Section 2**\nbar"], [
        "Section 1\nSection 2\nbar", "Section 1\nfoo\nSection 3\nbar", "See section 1 and section 2.", "Section 1\nfoo\nSection 2\nfoo"]),
    ("sections", {"at_least": 1, "marker": "Teil"}, ["Teil 1\nhallo"], ["Section 1\nhallo", "Teil 10\nhallo"]),
    ("placeholders", {"at_least": 2}, ["Dear [name], meet [other].", "[a] [b] [a]"], ["[a] [a]", "[] [ ]", "[a](x) [b](y)", "[a\nb] [c]", "[[a]]", "(a) (b)", "[!] [?]"]),
    ("highlights", {"exactly": 2}, ["*a* and **b**", "**big deal** and *so*"], ["*a*", "*a* *a*", "* a\n* b", "** **  ****", "2*3*4", "*a*\n*b*\n*c*"]),
    ("numbers", {"exactly": 2}, ["1 and 2", "3.50 or 1,000", "٣ و ٤"], ["one and two", "1 2 3", "1"]),
    ("keyword", {"text": "cat", "exactly": 2}, ["Cat and cat.", "cat-cat", "\"cat\" *cat*", "CAT, cat!", "ca\u00adt cat"], ["cat", "cats cat", "concat cat", "cat cat cat", "c at cat", "cat\u0335 cat", "cat2 cat", "сat cat"]),
    ("keyword", {"text": "New York", "at_least": 1}, ["in new\nyork.", "NEW  YORK"], ["new-york", "newyork", "renew york", "new yorker"]),
    ("keyword", {"text": "東京", "exactly": 1}, ["私は東京都に住む"], ["京都に住む", "東京と東京"]),
    ("keyword", {"text": "학교", "exactly": 1, "inside": True}, ["학교에 간다"], ["집에 간다"]),
    ("keyword", {"text": "학교", "exactly": 1}, ["학교 간다"], ["학교에 간다"]),
    ("keyword", {"text": "straße", "exactly": 1}, ["Die STRASSE hier", "Die Straße"], ["Die Straßen"]),
    ("keyword", {"text": "é", "exactly": 1}, ["e\u0301"], ["e", "ée"]),
    ("keyword", {"text": "cat", "at_most": 0}, ["dogs only", "concatenate"], ["a cat", "CAT", f"c{ZERO_WIDTH}at"]),
    ("letter", {"letter": "e", "at_most": 1}, ["one", "étude a"], ["eE", "see", "e\u200be"]),
    ("letter", {"letter": "?", "exactly": 1}, ["why?"], ["why", "why??"]),
    ("all_lowercase", {}, ["all small here.", "größe 12", "日本語です", "ﬀ ok"], ["Not small", "123", "", "𝐀 bold", "ǅ title", "Ⓐ in a ring"]),
    ("all_uppercase", {}, ["ALL BIG HERE.", "GRÖSSE 12"], ["ALL bIG", "123", "ʜᴇʟʟᴏ small capitals", "ALL BIGª"]),
    ("no_commas", {}, ["no commas; none: at all"], ["one, two", "一，二", "一、二", "واحد، اثنان", "low ‚ quote", "small ﹐ comma", "1,000"]),
    ("forbidden_characters", {"characters": "!?"}, ["calm."], ["calm!", "calm！", "why？", "what⁉", "no\u200b!"]),
    ("keywords_present", {"texts": ["sun", "moon"]}, ["Sun and MOON."], ["sun and sun", "sunny moon", "ѕun and moon"]),
    ("keywords_absent", {"texts": ["sun", "moon"]}, ["stars only", "sunny moonlight"], [
        "the sun", "ѕun", "sυn", "ｓｕｎ", "𝐬𝐮𝐧", "s\u0336u\u0336n\u0336", f"s{ZERO_WIDTH}un", "su\u00adn", "MOON", "mооn", "s\ufe0fun", "s\u0000un", "ЅUΝ", "ΜΟΟΝ", "МООN"]),
    ("keywords_absent", {"texts": ["péché"]}, ["une pêche"], ["le péché", "pe\u0301che\u0301"]),
    ("one_of", {"texts": ["My answer is yes", "My answer is no"]}, ["My answer is yes.", "Well. My answer is no!"], ["My answer is maybe.", "My answer is yes. My answer is no.", "My answer is yes my answer is yes", "My answer is nothing"]),
    ("starts_with", {"text": "Dear reader"}, ["Dear reader, hello", "  **dear READER** hello", "\"Dear reader\" she wrote"], ["Hello dear reader", "Dear readers", "Dear"]),
    ("ends_with", {"text": "Any questions?"}, ["So. Any questions?", "any QUESTIONS?**", "\"So. Any questions?\"", "many. Any questions?\n\n"], ["Any questions? No.", "Any questions", "Any questions!", "Many questions?"]),
    ("ends_with", {"text": "the end"}, ["This is the end.", "THE END!!", "*the end*"], ["the ending", "breathe end", "the end of it", "the end?\nno"]),
    ("paragraph_starts_with", {"paragraph": 2, "text": "then"}, ["First.\n\nThen it was."], ["Then.\n\nFirst.", "First.\nThen", "First.\n\nThenceforth", "Then"]),
    ("postscript", {}, ["Bye.\n\nP.S. Write soon", "Bye.\np.s. write"], ["Bye. P.S. Write", "P.S. Write\n\nBye.", "Bye.\n\nP.S.", "Bye.\n\nPS write"]),
    ("postscript", {"marker": "P.P.S"}, ["Bye.\n\nP.P.S. Write"], ["Bye.\n\nP.S. Write"]),
    ("quoted", {}, ["\"All of it.\"", "“All of it.”", "«Tout.»", "„Alles.“", "「全部」", "“He said “no” twice.”", "'it's all'", "\"a \\\"b\\\" c\""], [
        "\"a\" and \"b\"", "\"a", "a\"", "All", "\"\"", "\" \"", "“a” and “b”", "”a“"]),
    ("title", {}, ["<<A day out>>\nText.", "**<<A day out>>**\n\nText.", "Text\n<<End>>"], ["<<>>\nText", "A <<title>> inside", "<A day>", "<<A\nday>>", "<< >>", "<<a>> and <<b>>"]),
    ("json_only", {}, ["{\"a\": 1}", "[1, 2]", "```json\n{\"a\": [1]}\n```", "```\n[1]\n```", " {} "], [
        "Here: {\"a\": 1}", "{\"a\": 1} done", "{'a': 1}", "{\"a\": NaN}", "5", "\"a\"", "{\"a\": 1,}", "", "```json\n{\"a\": 1}", "{\"a\": " + "9" * 5000 + "}", "[" * 100_000, "{\"a\": 1, \"a\": 2}", "{\"a\":\u200b 1}", "\ufeff{}", "{\"a\": \"\0\"}"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES)
def test_a_constraint_holds_just_where_its_definition_says(
    name: str, arguments: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    (constraint,) = read_constraints([{"name": name, **arguments}])
    broken_in = {text: constraint.broken(Seen(text)) for text in right + wrong}
    assert {text: why for text, why in broken_in.items() if why is not None and text in right} == {}
    assert [text for text in wrong if broken_in[text] is None] == []


def test_every_constraint_has_cases_that_hold_and_that_do_not() -> None:
    assert {name for name, *_ in CASES} == set(CONSTRAINTS)
    assert len(CONSTRAINTS) == 30
    assert sum(len(right) + len(wrong) for _, _, right, wrong in CASES) > 300


STORY = "The sun rose over the old harbour. A boy sat there and counted ships."


@pytest.mark.parametrize(
    ("constraints", "text", "paid"),
    [
        ([{"name": "no_commas"}], STORY, 1.0),
        ([{"name": "no_commas"}], "", 0.0),
        ([{"name": "no_commas"}], " \n\n ", 0.0),
        ([{"name": "no_commas"}], "Yes.", 0.0),
        ([{"name": "no_commas"}], "yes " * 50, 0.0),
        ([{"name": "no_commas"}], "\u200b" * 50, 0.0),
        ([{"name": "no_commas"}], "a b c d", 0.0),
        ([{"name": "no_commas"}], "<think>one two three four five six</think>", 0.0),
        ([{"name": "no_commas"}], "<think>" + STORY, 0.0),
        ([{"name": "no_commas"}], "<think>Well, well.</think>" + STORY, 1.0),
        ([{"name": "words", "exactly": 2}], "Paris, France", 1.0),
        ([{"name": "words", "at_most": 5}], "", 0.0),
        ([{"name": "characters", "at_most": 20}], "Paris", 1.0),
        ([{"name": "characters", "at_most": 20}], "", 0.0),
        ([{"name": "json_only"}], '{"capital": "Paris"}', 1.0),
        ([{"name": "json_only"}], "{}", 0.0),
        ([{"name": "one_of", "texts": ["yes", "no"]}], "Yes.", 1.0),
        ([{"name": "keywords_absent", "texts": ["moon"]}, {"name": "words", "at_most": 20}], STORY, 1.0),
        ([{"name": "keywords_absent", "texts": ["sun"]}, {"name": "words", "at_most": 20}], STORY, 0.25),
        ([{"name": "keywords_absent", "texts": ["sun"]}, {"name": "words", "at_most": 5}], STORY, 0.0),
        ([{"name": "no_commas"}, {"name": "quoted"}, {"name": "title"}], STORY, 0.5 / 3),
        ([{"name": "no_commas"}, {"name": "sentences", "exactly": 2}, {"name": "title"}], STORY, 1 / 3),
        ([{"name": "no_commas"}], STORY * 1000, 0.0),
        ([{"name": "no_commas"}], "<think>" + STORY * 1000 + "</think>" + STORY, 1.0),
    ],
)
def test_all_must_hold_and_something_must_be_said(constraints: list[dict[str, Any]], text: str, paid: float) -> None:
    assert follows_constraints([text], constraints=[json.dumps(constraints)]) == [pytest.approx(paid)]
    chat: list[Any] = [[{"role": "assistant", "content": text}]]
    assert follows_constraints(chat, constraints=[constraints]) == [pytest.approx(paid)]


def test_the_order_of_constraints_makes_no_difference() -> None:
    constraints = [
        {"name": "quoted"}, {"name": "all_uppercase"}, {"name": "starts_with", "text": "Dear reader"}, {"name": "ends_with", "text": "the end."},
        {"name": "paragraphs", "exactly": 2}, {"name": "keyword", "text": "sun", "exactly": 2},
    ]  # fmt: skip
    right = '"DEAR READER THE SUN ROSE.\n\nTHE SUN SET. IT WAS THE END."'
    wrong = right.replace("DEAR", "Dear")
    rng = random.Random(0)
    for order in rng.sample(list(permutations(constraints)), 60):
        assert follows_constraints([right, wrong], constraints=[list(order)] * 2) == [1.0, pytest.approx(0.5 * 5 / 6)]


def test_what_is_broken_is_told() -> None:
    told: dict[str, list[Any]] = {}
    row = [{"name": "words", "at_least": 20}, {"name": "keyword", "text": "sun", "exactly": 2}, {"name": "title"}]
    follows_constraints([STORY, "no"], constraints=[row] * 2, log_extra=told.__setitem__)
    assert told["reason"] == [
        "words: 14, less than 20; keyword 'sun': 1, less than 2; title", "too little is said, or too much"
    ]  # fmt: skip
    assert broken(STORY, read_constraints([{"name": "words", "at_most": 3}])) == ["words: 14, more than 3"]


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ("", "are not JSON"),
        ("[" * 100_000, "are not JSON"),
        ("{}", "must be a list"),
        ("[]", "must be a list with at least one"),
        (None, "must be a list"),
        ("[5]", "5 is no constraint such as"),
        ([{"nam": "words"}], "is no constraint such as"),
        ([{"name": "word", "exactly": 3}], "there is no constraint 'word'; did you mean words?"),
        ([{"name": "No_Comma"}], "did you mean no_commas?"),
        ([{"name": "xyzzy"}], "there is no constraint 'xyzzy'; known: words, different_words"),
        ([{"name": "words", "at_lest": 3}], "words has no argument 'at_lest'; did you mean at_least?"),
        ([{"name": "title", "at_least": 3}], "title has no argument 'at_least'; it has none"),
        ([{"name": "keyword", "word": "x", "at_least": 1}], "keyword has no argument 'word'; known: text, inside, at_least, at_most, exactly"),
        ([{"name": "keyword", "at_least": 1}], "keyword needs text"),
        ([{"name": "words"}], "words needs at_least, at_most or both, or exactly; it has none"),
        ([{"name": "words", "at_least": 3, "exactly": 3}], "it has at_least 3, exactly 3"),
        ([{"name": "words", "at_least": 0}], "holds always or never"),
        ([{"name": "words", "at_most": 0}], "holds always or never"),
        ([{"name": "words", "at_least": -1}], "holds always or never"),
        ([{"name": "words", "at_least": 5, "at_most": 4}], "holds always or never"),
        ([{"name": "words", "at_least": "5"}], "at_least of words is '5'; it must be a whole number"),
        ([{"name": "words", "at_least": True}], "at_least of words is True; it must be a whole number"),
        ([{"name": "words", "at_least": 5.0}], "it must be a whole number"),
        ([{"name": "keywords_present", "texts": "sun"}], "texts of keywords_present is 'sun'; it must be a list of texts"),
        ([{"name": "keywords_present", "texts": []}], "it must be a list of texts"),
        ([{"name": "keywords_present", "texts": ["sun", ""]}], "in which nothing or not all can be seen"),
        ([{"name": "keyword", "text": "su\u200bn", "at_least": 1}], "in which nothing or not all can be seen"),
        ([{"name": "starts_with", "text": "***"}], "it must hold a letter or a figure"),
        ([{"name": "letter", "letter": "ab", "at_least": 1}], "letter is 'ab'; it must be one character"),
        ([{"name": "words", "at_least": 5}, {"name": "words", "at_most": 4}], "two constraints of words leave no number between them"),
        ([{"name": "keywords_present", "texts": ["Sun"]}, {"name": "keywords_absent", "texts": ["sun"]}], "'sun' is asked for and forbidden"),
        ([{"name": "no_commas"}, {"name": "ends_with", "text": "So, bye."}], "no_commas goes with no text that has a comma"),
        ([{"name": "all_lowercase"}, {"name": "all_uppercase"}], "all_lowercase goes with no all_uppercase"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_followed_is_named(column: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(").replace("?", r"\?")):
        follows_constraints([""], constraints=[column])


def test_arguments_that_other_rows_have_may_be_null() -> None:
    column = [{"name": "no_commas", "text": None, "at_least": None}, {"name": "words", "at_least": 5, "at_most": None}]
    assert follows_constraints([STORY], constraints=[column]) == [1.0]


# ------------------------------------------------------------------------------------------------- any text, in time

EVERYTHING = [
    constraint
    for name, arguments, *_ in CASES
    for constraint in read_constraints([{"name": name, **arguments}])
]  # fmt: skip
ALPHABET = (
    "aB3 \n\t.,!?;:'\"-*#_[]<>(){}«»“”„\u200b\u0301\u0335\u00ad\ud800\0éßİıﬀ日本語。、ไทย한국नि🙂👨‍👩‍👧\u2028\r\x85١"
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), st.text(alphabet=ALPHABET, max_size=300)))
def test_no_text_raises_and_the_pay_is_a_share(text: str) -> None:
    seen = Seen(text)
    assert all(isinstance(constraint.broken(seen), str | None) for constraint in EVERYTHING)
    (paid,) = follows_constraints([text], constraints=[[{"name": "no_commas"}, {"name": "words", "at_most": 9}]])
    assert paid in (0.0, 0.25, 1.0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = "text texts inside marker separator letter characters paragraph at_least at_most exactly".split()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda name, rest: {**rest, "name": name},
            st.sampled_from([*CONSTRAINTS, "word"]),
            st.dictionaries(st.sampled_from(ARGUMENTS), JSON, max_size=3),
        )
    )
    | JSON
)
def test_any_column_is_read_or_refused(column: Any) -> None:
    try:
        constraints = read_constraints(json.dumps(column))
    except ValueError:
        return
    assert all(isinstance(constraint.broken(Seen(STORY)), str | None) for constraint in constraints)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=60))
def test_what_cannot_be_seen_changes_nothing(text: str) -> None:
    hidden = "\u200b".join(text.replace("\ud800", ""))
    for constraint in EVERYTHING:
        if constraint.name == "json_only":  # for machines, which see it
            continue
        assert constraint.broken(Seen(hidden)) == constraint.broken(Seen(text.replace("\u200b", "")))


@pytest.mark.parametrize("code", [0x2065, 0x180B, 0x180E, 0x180F, 0xFE0F, 0xFFF5, 0x1D173, 0xE0041, 0xE0080, 0xE0FFF])
def test_no_character_that_renderers_leave_out_is_seen(code: int) -> None:
    assert Seen(f"ve{chr(code)}ry cold" + chr(code) * 99).text == "very cold"


@pytest.mark.parametrize(
    "piece",
    ["a", "a ", "é", "\u0301", "a\u0315\u0300\u05ae", "\n", " \n", ". ", "a. ", "*a", "* a\n", "1. a\n", "[a", "<<", '"', "日", "'", "\ud800",
     "\ufdfa", "{", "[", "cat", "cat ", "Section 1\na\n", "***\n", "\u200b", "İ", "<think>", "</think>", "`", "1,", "q\u0323\u0307", ".",
     "!?", "。"],
)  # fmt: skip
def test_a_megabyte_is_refused_at_once_and_the_longest_text_is_read_in_time(piece: str) -> None:
    begin = time.perf_counter()
    assert broken(piece * (1_000_000 // len(piece) + 1), EVERYTHING) is None
    assert time.perf_counter() - begin < 0.1
    for end in ("", "a"):
        seen = Seen(piece * (50_000 // len(piece)) + end)
        for constraint in EVERYTHING:
            constraint.broken(seen)
    assert time.perf_counter() - begin < 3
