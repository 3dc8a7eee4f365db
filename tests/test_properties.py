"""What must hold of every text: equality is an equivalence under restyling, and nothing raises or is paid by chance."""

from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rewards import equal, judge
from rewards.correct import gold_number

numbers = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.decimals(-(10**6), 10**6, places=3).map(str),
    st.fractions(-1000, 1000, max_denominator=500).filter(lambda f: f.denominator > 1).map(str),
)
letters = st.sampled_from(["x", "y", "n", "\\alpha"])
constants = st.sampled_from(["\\pi", "e", "\\sqrt{2}", "\\sqrt{3}", "2", "3", "5", "7"])


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(parts, parts)
    return st.one_of(
        pair.map("({0[0]}) + ({0[1]})".format),
        pair.map("({0[0]}) - ({0[1]})".format),
        pair.map("({0[0]})({0[1]})".format),
        pair.map("\\frac{{{0[0]}}}{{{0[1]}}}".format),
        parts.map("\\sin({})".format),
        parts.map("({})^2".format),
        parts.map("\\sqrt{{{}}}".format),
    )


expressions = st.recursive(st.one_of(letters, constants), combined, max_leaves=6)
answers = st.one_of(
    numbers,
    expressions,
    st.lists(numbers, min_size=2, max_size=4, unique=True).map(lambda items: "\\{" + ", ".join(items) + "\\}"),
    st.tuples(numbers, numbers).map("({0[0]}, {0[1]})".format),
    st.tuples(letters, numbers).map("{0[0]} = {0[1]}".format),
    st.tuples(letters, numbers).map("{0[0]} \\le {0[1]}".format),
    st.sampled_from(
        ["(B)", "Tuesday", "\\text{even}", "3:30 PM", "1011_2", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"]
    ),
)
STYLES = [
    "{}",
    " {} ",
    "${}$",
    "$${}$$",
    "\\( {} \\)",
    "**{}**",
    "\\boxed{{{}}}",
    "{}.",
    "\\displaystyle {}",
    "{}\n",
    "`{}`",
]
soup = st.text(
    alphabet=st.one_of(st.sampled_from("0123456789xyzeiπ+-*/^_=<>()[]{}|\\$%,.;:!?#&~'\" \n\t√∞≤½²"), st.characters()),
    max_size=120,
)
pieces = st.lists(
    st.sampled_from(
        ["\\frac", "\\sqrt", "{", "}", "(", ")", "1", "23", "x", "\\boxed{", "####", "\n", "<think>", "</think>", "<answer>",
         "</answer>", "the answer is ", "\\text{", "\\left(", "\\right)", "\\pm", "\\cup", "\\begin{cases}", "&", "\\\\", "or", "and",
         ",", "=", "<", "\\le", "%", "$", "^", "_", "!", "|", "\\in", "\\{", "\\}", "\\mid", ":", "\\infty", "-", " ", "cm", "dollars"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(answers)
@settings(max_examples=300, deadline=None)
def test_equal_is_reflexive(answer: str) -> None:
    assert equal(answer, answer)


@given(answers, st.sampled_from(STYLES), st.sampled_from(STYLES))
@settings(max_examples=300, deadline=None)
@example("(x) - (\\frac{x}{2})", "`{}`", "{}.")
def test_equal_does_not_see_the_dress(answer: str, one: str, other: str) -> None:
    assert equal(one.format(answer), other.format(answer))


@given(st.one_of(answers, soup, pieces), st.one_of(answers, soup, pieces))
@settings(max_examples=500, deadline=None)
def test_equal_is_symmetric_and_never_raises(one: str, other: str) -> None:
    assert equal(one, other) == equal(other, one)


@given(numbers, numbers)
@settings(max_examples=500, deadline=None)
def test_numbers_are_equal_exactly_when_their_values_are(one: str, other: str) -> None:
    done = [Fraction(text).denominator > 1 or "/" not in text for text in (one, other)]
    assert equal(one, other) == (Fraction(one) == Fraction(other) and all(done))
    assert gold_number(one) == Fraction(one)


@given(expressions, st.integers(2, 9))
@settings(max_examples=300, deadline=None)
def test_an_expression_is_not_equal_to_itself_and_something(answer: str, more: int) -> None:
    assert not equal(f"({answer}) + {more}", answer)
    assert not equal(f"({answer}) + 10^{{-{more * 7}}}", answer)


@given(st.one_of(soup, pieces), st.integers(10**9, 10**15))
@settings(max_examples=1000, deadline=None)
def test_no_text_whatever_raises_or_is_paid_against_a_random_gold(text: str, gold: int) -> None:
    for form in ("{}", "#### {}", "\\boxed{{{}}}", "<answer>{}</answer>", "The answer is {}", "{}\n#### 7"):
        assert not judge(
            form.replace("{}", text, 1) if form != "\\boxed{{{}}}" else f"\\boxed{{{text}}}", str(gold)
        ).paid


@given(numbers, st.sampled_from(["#### {}", "\\boxed{{{}}}", "<answer>{}</answer>", "The answer is {}."]))
@settings(max_examples=200, deadline=None)
def test_one_committed_answer_is_paid_and_two_different_ones_never(number: str, form: str) -> None:
    right = form.format(number)
    other = form.format(f"{number}1")
    if "/" in number and Fraction(number).denominator == 1:
        return
    assert judge(f"We add.\n{right}", number).paid
    assert not judge(f"{right}\n{other}", number).paid
    assert not judge(f"{other}\n{right}", number).paid
