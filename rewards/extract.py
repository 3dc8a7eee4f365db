r"""Where a completion commits to an answer: `#### N`, `\boxed{}`, `<answer>` or "the answer is ...".

A commitment counts where a reader would take it for the conclusion: in the open text, after the reasoning, in a
sentence that asserts it, with nothing behind it that takes it back (`rewards.context`). Whatever leaves doubt commits
to nothing: that may cost a right answer in an odd dress, and never pays a wrong one. All searches are linear in the
length of the text.
"""

import re
from typing import NamedTuple

from rewards.afterwards import check_after, corrected, same_value, unit_said
from rewards.context import Nothing, check_before, check_box, check_macros, closed, leads_on, line_before, one_of
from rewards.grammar import LONGEST, NotRead, closing, tidy
from rewards.units import is_measure, read_unit

ANSWER_LINE = "####"
BOXED = "boxed"
TAG = "<answer>"
PHRASE = "the answer is"
MARKERS = (ANSWER_LINE, BOXED, TAG, PHRASE)
LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")

_MOST = 12  # commitments
_MOST_MENTIONS = 60  # of a marker
_TAIL_SEARCHED = 10_000  # characters searched for a last number


class Commitment(NamedTuple):
    """One place where the text commits to an answer."""

    marker: str
    text: str
    start: int
    end: int


class Extracted(NamedTuple):
    """The answer, by which marker, and other places that must agree with it; without `text`, why there is none."""

    text: str | None
    where: str | None
    reason: str
    others: tuple[str, ...] = ()
    unit: str | None = None  # of all figures, said after the answer


# ------------------------------------------------------------------------------------------- the text that is looked at

_REASONING = re.compile(
    r"<\s{0,3}(/?)\s{0,3}(think|thinking|thought|thoughts|reasoning|reflection|scratchpad)\s{0,3}>", re.IGNORECASE
)
_CALCULATOR = re.compile(r"<<[\d\s+\-*/().,=%$]{0,200}>>")  # GSM8K's annotations
_TURN = re.compile(
    r"<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|eom_id|eos|end|pad|start_header_id|user|system|assistant)\|>|"
    r"</s>|<eos>|<end_of_turn>"
)  # what comes after its end is not the answer
_ASCII_BREAKS = "\r\x0b\x0c\x1c\x1d\x1e"


def _open_text(text: str) -> str:
    """What a reader sees of the turn after its reasoning, with line feeds as the only line breaks."""
    if not text.isascii() or any(map(text.__contains__, _ASCII_BREAKS)):
        text = LINE_BREAKS.sub("\n", text)
    if "<<" in text:
        text = _CALCULATOR.sub("", text)
    if "<" in text:
        text = _after_reasoning(text)
        if turn := _TURN.search(text):
            text = text[: turn.start()]
    return text.rstrip()


def _after_reasoning(text: str) -> str:
    """The text after </think>; all of it where there is no reasoning in tags."""
    tags = list(_REASONING.finditer(text))
    if not tags:
        return text
    opened = [tag for tag in tags if not tag[1]]
    closed = [tag for tag in tags if tag[1]]
    if not closed:
        raise Nothing("the reasoning is not closed")
    if len(opened) > 1 or len(closed) > 1 or (opened and opened[0].start() > closed[0].start()):
        raise Nothing("nested or repeated reasoning tags")
    if opened and opened[0][2].lower() != closed[0][2].lower():
        raise Nothing("the reasoning is not closed")
    return text[closed[0].end() :]


# ------------------------------------------------------------------------------------------------------ commitments

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_ANSWER_TAG = re.compile(r"<(/?)answer\s{0,3}>", re.IGNORECASE)
_ANSWER_TAG_LIKE = re.compile(r"<\s{0,3}/?\s{0,3}answer\b", re.IGNORECASE)
_SAYS = re.compile(
    r"\b(?:the|my|our)\s+(?:(?:final|correct|right)\s+)?answer(?:\s+to\s+(?:the|this)\s+(?:problem|question))?"
    r"\s+(?:is|must be)(?:\s+(?:therefore|thus|then|simply|just|clearly|exactly|indeed|precisely))?"
    r"(?![A-Za-z'’])\s*:?\s*",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"answer|Answer|ANSWER")
_PREFIX = re.compile(  # a run of stars is entered at its begin only, so that searching it stays linear
    r"(?<![*_\s])[*_\s]*(?:(?:so|thus|therefore|hence),?\s+)?(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|:|=)\s*:?[*_\s]*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"[*_\s]*(?:(?:step|part|case|stage)\s*\d*\s*:?[A-Za-z ,'-]*|"
    + one_of(r"""
    given setup set-up understanding(?:_the_problem)? approach method analysis reasoning explanation
    computation calculations? simplify simplification solution verification check
    final_step final_calculation summary conclusion final_answer answer result
    """)
    + r"\s*:?)[*_\s]*\Z",
    re.IGNORECASE | re.DOTALL,
)
_SENTENCE_END = re.compile(r"[.!](?=[\s*\"”)]|$)|\n")
_REASON = re.compile(
    r",?\s+(?:because|since|as)\s|,?\s+rather than\s|,\s+not\s+\$?\d[\d,.]*$|:\s+(?=[A-Z][a-z]+ )|"
    r",\s+(?:which|i\.e\.|that is|the|a|an|paid|with|giving|leaving|meaning|where|after|for|so)\s|"
    r",\s+(?=\$?\d+\s+(?:less|more|fewer)\b)|"
    r"\s+\((?=(?:approx\w*|about|roughly|or about|or roughly|i\.e\.|that is)\b)"
)


def _lines(text: str) -> list[Commitment]:
    if text.count(ANSWER_LINE) > _MOST_MENTIONS:
        raise Nothing(f"more than {_MOST_MENTIONS} times ####")
    found = []
    place = text.find(ANSWER_LINE)
    while place >= 0:
        start = text.rfind("\n", 0, place) + 1
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        answer = _on_line(text[start:place], text[place + len(ANSWER_LINE) : end])
        if not _HEADING.match(answer):
            found.append(Commitment(ANSWER_LINE, answer, place, end))
        place = text.find(ANSWER_LINE, end)
    return found


def _on_line(before: str, after: str) -> str:
    """The answer of a line, from what stands before and after its ####."""
    if before.strip(" \t*"):
        raise Nothing("#### stands in the middle of a line")
    answer = after.strip().removesuffix(before.strip()).strip()  # **#### 4**
    if ANSWER_LINE in answer or answer.startswith("#"):
        raise Nothing("several #### in one line")
    if not answer:
        raise Nothing("the answer line is empty")
    return answer


def _boxes(text: str) -> list[Commitment]:
    found = []
    last = 0
    for match in _BOX.finditer(text):
        if match.start() < last:
            raise Nothing("a box in a box")
        if not text.startswith("{", match.end()):
            raise Nothing("\\boxed without braces")
        length = closing(text[match.end() : match.end() + LONGEST + 2], 0)
        if length < 0 or len(found) == _MOST:
            raise Nothing("a box that does not close" if length < 0 else f"more than {_MOST} answers")
        end = match.end() + length
        last = end + 1
        found.append(Commitment(BOXED, text[match.end() + 1 : end].strip(), match.start(), last))
    return found


def _tagged(text: str) -> list[Commitment]:
    tags = list(_ANSWER_TAG.finditer(text))
    if len(tags) != len(_ANSWER_TAG_LIKE.findall(text)):
        raise Nothing("an answer tag with something in it")
    if not tags:
        return []
    if [tag[1] for tag in tags] != ["", "/"]:
        raise Nothing("answer tags that are nested, repeated or not closed")
    return [Commitment(TAG, text[tags[0].end() : tags[1].start()].strip(), tags[0].start(), tags[1].end())]


def _said(text: str) -> list[Commitment]:
    found = []
    for count, mention in enumerate(_ANSWER.finditer(text)):
        if count > _MOST_MENTIONS:
            raise Nothing(f"more than {_MOST_MENTIONS} mentions of the answer")
        place = mention.start()
        if text[place - 1 : place] in ("<", "/"):  # a tag
            continue
        near = _SAYS.finditer(text, max(0, place - 40), place + 100)
        if (says := next((one for one in near if one.start() <= place < one.end()), None)) is not None:
            answer, end = _rest_of_sentence(text, says.end())
            found.append(Commitment(PHRASE, answer, says.start(), end))
    return found


def _rest_of_sentence(text: str, start: int) -> tuple[str, int]:
    """What is said from a place on, without a reason for it, and where that ends."""
    stop = _SENTENCE_END.search(text, start, start + LONGEST)
    end = stop.start() if stop is not None else min(len(text), start + LONGEST)
    if cut := _REASON.search(text, start, end):
        end = cut.start()
    answer = text[start:end].strip()
    if not answer.strip("*$ :"):  # on the next line
        rest = text[end : end + LONGEST]
        answer = rest.lstrip("\n *$").split("\n", 1)[0].strip()
        end += rest.find(answer) + len(answer) if answer else 0
    if not answer.startswith(("\\[", "\\(")) and answer.count("**") % 2:
        answer = answer.replace("**", "")
    return answer, end


_READERS = {ANSWER_LINE: _lines, BOXED: _boxes, TAG: _tagged, PHRASE: _said}
_SIGNS = {ANSWER_LINE: ("####",), BOXED: ("box",), TAG: ("<",), PHRASE: ("nswer", "ANSWER")}


def _commitments(text: str, markers: tuple[str, ...]) -> list[Commitment]:
    """All commitments in the order of their places."""
    found: list[Commitment] = []
    for marker in markers:
        if any(sign in text for sign in _SIGNS[marker]):
            found += _READERS[marker](text)
    if not found:
        raise Nothing(f"no answer is committed to ({', '.join(markers)})")
    found = _outermost(found)
    if len(found) > _MOST:
        raise Nothing(f"more than {_MOST} answers")
    return found


def _outermost(found: list[Commitment]) -> list[Commitment]:
    """In order of their places; a marker inside another's answer says the same thing more precisely."""
    kept: list[Commitment] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif (outer := kept[-1]).marker == PHRASE:  # the answer of any other is read from the inside, by _inside
            if _has_digit(outer.text[: max(0, one.start - outer.end + len(outer.text))]):
                raise Nothing("two answers in one sentence")
            kept[-1] = one
    return kept


# ------------------------------------------------------------------------------------------------------- the answer


def extract(completion: str, markers: tuple[str, ...] = MARKERS) -> Extracted:
    r"""The one answer that a completion commits to, by one of the markers.

    Args:
        completion: what the policy wrote.
        markers: some of `MARKERS`; what is written by other markers counts as prose.

    Raises:
        ValueError: there is no such marker.

    >>> extract("3 * 4 = 12\n#### 12").text, extract("So it is \\boxed{12} pens.").text
    ('12', '12 pens')
    >>> extract("<think>\\boxed{12}</think> I cannot say.").reason
    'no answer is committed to (####, boxed, <answer>, the answer is)'
    >>> extract("#### 12\nor rather\n#### 13").others
    ('12',)
    """
    if markers is not MARKERS:
        check_markers(markers)
    try:
        return _extract(completion, markers)
    except Nothing as nothing:
        return Extracted(None, None, str(nothing))


def tagged(completion: str) -> str | None:
    r"""What stands in the <answer> that a completion commits to, line by line as it was written; or None.

    >>> tagged("<think>easy</think> <answer>1 2\n3 4</answer>"), tagged("<answer>1</answer> or <answer>2</answer>")
    ('1 2\n3 4', None)
    """
    if extract(completion, (TAG,)).text is None:
        return None
    return _tagged(_open_text(completion))[-1].text


def check_markers(markers: tuple[str, ...]) -> None:
    """Refuses markers that there are not."""
    if isinstance(markers, str) or not markers or not set(markers) <= set(MARKERS):
        raise ValueError(f"markers is {markers!r}; it must be a tuple of some of {', '.join(map(repr, MARKERS))}")


def _extract(text: str, markers: tuple[str, ...]) -> Extracted:
    text = _open_text(text)
    if (plain := _plain_end(text)) is not None and plain.where in markers and len(markers) == len(MARKERS):
        return plain
    found = _commitments(text, markers)
    check_macros(text)
    last = _checked(text, found[-1])
    earlier = _earlier(text, found[:-1], last)
    if not last.text:
        raise Nothing("the answer is empty")
    answer, end = _with_unit(text, last)
    check_after(text, end, answer)
    others = tuple(one.text for one in earlier if not _replaced(text, one, last, answer, len(earlier) == 1))
    return Extracted(answer, last.marker, last.marker, others, unit_said(text, end))


def _earlier(text: str, found: list[Commitment], last: Commitment) -> list[Commitment]:
    """The commitments before the last one; a phrase without a number that commits to nothing is mere prose."""
    kept = []
    for one in found:
        denied = one.marker == PHRASE and one.text[:4].lower() == "not "
        if denied and last.text and last.text not in one.text:  # The answer is not 40, since ...
            continue
        try:
            kept.append(_checked(text, one))
        except Nothing:
            if one.marker != PHRASE or last.marker == PHRASE or _has_digit(one.text):
                raise
    return kept


def _replaced(text: str, one: Commitment, last: Commitment, answer: str, alone: bool) -> bool:
    """Whether a phrase need not agree with the last commitment: it was vague, or taken back.

    Args:
        alone: there is no other before the last; a chain of corrections is a list of guesses.
    """
    if one.marker != PHRASE:
        return False
    if last.marker == PHRASE:
        return alone and corrected(text, one.end, last.start) and not _SPEAKER.search(text, one.end, last.start)
    vague = _VAGUE.match(one.text) is not None and not _has_digit(one.text) and _has_digit(answer)
    return vague or corrected(text, one.end, last.start)


_SPEAKER = re.compile(r"(?:^|\n)\W*\w+\W*:|[\"“«]|\b(?:he|she|they|teacher|user)\b", re.IGNORECASE)
_VAGUE = re.compile(
    r"(?:an?|the|in|not|here|below|above|as|that|what|then|to|found|given|simply|easy|simple|clear|obvious|therefore|thus|"
    r"obtained|usually|always|still|our|number|positive|negative|even|odd|left|shown|stated|boxed)\b(?!\s+(?:dozen|score|gross))",
    re.IGNORECASE,
)  # "the answer is an integer"


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


_PLAIN_END = re.compile(
    r"(?:\A|\n|(?<=[a-z)][.!] ))(?:(?:\*\*)?(?:(?:So|Therefore|Thus|Hence),?[ ])?"
    r"(?:[Tt]he[ ](?:final[ ])?answer[ ]is:?[ ])?(?:"
    r"(?:\$\$?|\\\[|\\\()?\s*\\boxed\{(?P<box>(?:[^{}\n]|\{[^{}\n]{0,20}\}){1,50})\}\s*(?:\$\$?|\\\]|\\\))?"
    r"|<answer>(?P<tag>[^<>\n]{1,40})</answer>"
    r"|(?<=answer[ ]is[ ])(?P<said>\$?-?\d(?:[\d,.]*\d)?\$?)|(?<=answer[ ]is:[ ])(?P<said2>\$?-?\d(?:[\d,.]*\d)?\$?))"
    r"(?:\*\*)?)\.?(?:[ ]I[ ]hope[ ]it[ ]is[ ]correct\.)?\Z"
)


_PLAIN_NUMBER = re.compile(r"\$?-?\d[\d,.]*(?: [a-z]+)?")
_OTHER_SIGNS = ("####", "nswer", "NSWER", "box", "<", "\\", "```", "~~")


def _plain_end(text: str) -> Extracted | None:
    """The answer where the text ends in its only marker, in a sentence of nothing else: read at once.

    Most completions look like this, and what this reads the long way reads just so.
    """
    start = text.rfind("\n####", max(0, len(text) - 60))
    match = None
    if start < 0:
        near = max(0, len(text) - 120)
        last = text.rfind("\n", near)  # where it mostly begins
        match = (_PLAIN_END.match(text, last) if last >= 0 else None) or _PLAIN_END.search(text, near)
    if match is not None:
        start = match.start()
    if start < 0 or leads_on(text[max(0, start - 20) : start].rstrip()):
        return None
    for sign in _OTHER_SIGNS:
        if text.find(sign, 0, start) >= 0:
            return None
    if match is None:
        answer = text[start + 5 :].strip(" \t*")
        return Extracted(answer, ANSWER_LINE, ANSWER_LINE) if _PLAIN_NUMBER.fullmatch(answer) else None
    if match["box"] is not None:
        answer = match["box"].strip()
        return Extracted(answer, BOXED, BOXED) if answer and not _PREFIX.match(answer) and "box" not in answer else None
    if match["tag"] is not None:
        answer = match["tag"].strip()
        return Extracted(answer, TAG, TAG) if answer and not _PREFIX.match(answer) and "\\box" not in answer else None
    answer = match["said"] or match["said2"]
    return Extracted(answer[1:-1] if answer[0] == answer[-1] == "$" else answer, PHRASE, PHRASE)


def _checked(text: str, one: Commitment) -> Commitment:
    """A commitment in the open and in an assertion, with its answer read from the inside."""
    check_before(text, one.start, said=one.marker == PHRASE)
    inside = _inside(one.text)
    if one.marker == BOXED:
        check_box(text, one.start, one.end)
        line = line_before(text, one.start)
        if line.rstrip("$ ").endswith("\\") and "$" in line[-3:] and "$" not in inside:
            inside = "\\$" + inside  # \$\boxed{18}
    return one._replace(text=inside)


_IN_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*(?=\s|\Z)")
_IN_WORDS = re.compile(r"(\S.*?)\s*\(([a-z -]{3,60})\)")  # 18 (eighteen)


def _inside(text: str) -> str:
    """The answer itself, without the words and markers that only present it."""
    for _ in range(4):
        before = text
        if match := _PREFIX.match(text):
            text = text[match.end() :].strip()
        if text.startswith(ANSWER_LINE):
            text = text.removeprefix(ANSWER_LINE).strip()
        if (bold := _IN_BOLD.match(text)) is not None:
            text = (bold[1] + text[bold.end() :]).strip()
        if "\\boxed" in text or "\\fbox" in text:
            text = _only_box(text)
        if (
            text.endswith(")")
            and len(text) < 200
            and (words := _IN_WORDS.fullmatch(text))
            and same_value(*words.groups())
        ):
            text = words[1]
        if text == before:
            break
    return text


def _only_box(text: str) -> str:
    """What stands in the box that an answer is."""
    boxes = _boxes(text)
    if len(boxes) != 1:
        raise Nothing("several boxes")
    box = boxes[0]
    check_box(text, box.start, box.end)
    left = text[: box.start].strip(" $*").removesuffix("\\(").removesuffix("\\[")
    if left.strip() or text[box.end :].strip(" $*.").strip("\\)] "):
        raise Nothing("words beside the box")
    return box.text


_NO_UNIT = re.compile(r"[\s$*\\)\]]*(?:for|to|from|by|on|with|when|where|because|since|as|if)\b")
_IN = re.compile(r"in\s+(?=[a-z])")  # no inches, with a word after it


def _with_unit(text: str, last: Commitment) -> tuple[str, int]:
    """The answer with the unit that stands behind its box, and where that ends."""
    if last.marker != BOXED or "$" in last.text or "\\text" in last.text:
        return last.text, last.end
    start = closed(text, last.end)
    end = _SENTENCE_END.search(text, start)
    stop = end.start() if end is not None else len(text)
    rest = text[start:stop].rstrip(" $*")
    if not rest.strip(" ,;:*$\\])") or _NO_UNIT.match(rest) or "\\circ" in last.text:
        return last.text, last.end
    try:
        words = tidy(rest).split()
    except NotRead:
        return last.text, last.end
    if _IN.match(" ".join(words)):  # 18 in cents, 18 in her account
        return (f"{last.text} {words[1]}" if is_measure(words[1]) else last.text), last.end
    for count in (len(words), 3, 2, 1):
        phrase = " ".join(words[:count])
        if phrase and read_unit(phrase) is not None:
            return f"{last.text} {phrase}", stop if count == len(words) else last.end
    return last.text, last.end


# ---------------------------------------------------------------------------------------------------------- lenient

_FORMULA = re.compile(r"\$([^$\n]{1,200})\$")
_LAST_NUMBER = re.compile(r"(?:(?<![\w)])[-−])?\\?[$€£]?[0-9][0-9,]*(?:\.[0-9]+)?%?")


def last_number(completion: str) -> str | None:
    """The last number anywhere in the text: the lenient reading, for reports beside the strict one, never for pay.

    >>> last_number("He has 3 + 4 = 7 pens.")
    '7'
    >>> last_number("It costs -$1,200.50 in all")
    '-$1,200.50'
    """
    found = _LAST_NUMBER.findall(completion[-_TAIL_SEARCHED:])
    return found[-1].rstrip(",") if found else None


def candidates(completion: str) -> list[str]:
    """What a lenient reader would take for the answer: the last box, or the last formula, number and line."""
    text = completion[-_TAIL_SEARCHED:]
    found = []
    start = text.rfind("\\boxed{")
    if start >= 0 and (end := closing(text, start + 6)) > 0:
        found.append(text[start + 7 : end])
    else:
        found += _FORMULA.findall(text)[-1:]
        if (number := last_number(text)) is not None:
            found.append(number)
        found.append(_PREFIX.sub("", text.strip().rsplit("\n", 1)[-1].lstrip("# "), count=1))
    return found
