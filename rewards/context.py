r"""What stands before and beside a place where a text commits to an answer: it may be hidden, doubted or spliced.

Every check raises `Nothing` with the reason why the answer there does not count. The lists of words are long because a
policy finds the one that is missing.
"""

import re

LONGEST_LEAD = 400  # characters of its line before it that are looked at


class Nothing(Exception):
    """The completion commits to nothing; the message says why."""


def listed(block: str) -> list[str]:
    """The entries of a block, apart by white space; from `#` to the end of its line is a comment.

    >>> listed("one two  # small\\n ten")
    ['one', 'two', 'ten']
    """
    return " ".join(line.partition("#")[0] for line in block.splitlines()).split()


def one_of(block: str) -> str:
    r"""A regular expression for any entry of a block, those with the same first letter together.

    An entry is a regular expression itself, with `_` for a space and a final `*` for any ending of a word. Its first
    letter is not optional. The order in which entries are tried means nothing where what follows settles their end.

    >>> one_of("wrong*  made_up  asks?  will")
    '(?:w(?:rong\\w*|ill)|m(?:ade up)|a(?:sks?))'
    """
    rests: dict[str, list[str]] = {}  # `re` tries every branch at every place: 30 first letters, not 300 words
    for entry in listed(block):
        pattern = re.sub(r"[*]$", r"\\w*", entry.replace("_", " "))
        first = pattern[0] if pattern[0].isalpha() else ""
        rests.setdefault(first, []).append(pattern.removeprefix(first))
    return "(?:" + "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items()) + ")"


# --------------------------------------------------------------------------------------------------------- markup

TAGS = re.compile(r"<!--|-->|<(/?)([A-Za-z][A-Za-z0-9_-]{0,30})((?:\s[^<>]{0,200})?)/?>")
_PLAIN_TAGS = frozenset("answer b strong i em p div span br center u solution response output final result".split())
_MOST_TAGS = 400
_MACROS = re.compile(
    r"\\"
    + one_of(r"""
    def gdef edef let futurelet newcommand renewcommand providecommand DeclareMathOperator
    if iftrue iffalse fi verb begin\s*\{\s*(?:comment|verbatim|lstlisting)\s*\}
    catcode csname expandafter input include write
    """)
    + r"(?![A-Za-z])"
)
_QUOTATION = (">", "%", "//", "[//]", "[comment]", "[^")
_COMMENT = re.compile(r"(?<![\\\d\s])\s*%|^\s*%|(?<!\d)\s+%")


def check_macros(text: str) -> None:
    """No macro in the text can hide or change what a reader sees of it.

    Raises:
        Nothing: there is one.
    """
    if "\\" in text and _MACROS.search(text):
        raise Nothing("the text defines or comments with macros")


def line_before(text: str, start: int) -> str:
    """What stands before a place on its line, the last `LONGEST_LEAD` characters of it.

    >>> line_before("2 + 2\\nis 4", 9)
    'is '
    """
    return text[max(text.rfind("\n", 0, start) + 1, start - LONGEST_LEAD) : start]


def _check_markup(text: str, start: int) -> None:
    if "<" in text and (name := _hidden_by_tags(text, start)):
        raise Nothing(f"the answer stands inside {name}")
    if "```" in text and text.count("```", 0, start) % 2:
        raise Nothing("the answer stands in a block of code")
    line = line_before(text, start)
    if "~~" in line and line.count("~~") % 2:
        raise Nothing("the answer is struck out")
    began = text.rfind("\n", 0, start) + 1
    if text[began : began + 20].lstrip().startswith(_QUOTATION) or "](" in line or "![" in line:
        raise Nothing("the answer stands in a quotation or comment")
    if "%" in line and _COMMENT.search(line):
        raise Nothing("the answer stands in a comment")
    if line.rstrip(" *$_").endswith(('"', "'", "`", "“", "‘", "«")):
        raise Nothing("the answer is quoted")


def _hidden_by_tags(text: str, place: int) -> str | None:
    """The name of the element that encloses a place, where that is none that shows its text as it is."""
    stack: list[tuple[str, bool]] = []
    for count, tag in enumerate(TAGS.finditer(text)):
        if count > _MOST_TAGS:
            raise Nothing(f"more than {_MOST_TAGS} tags")
        if tag.start() < place:
            _open_or_close(stack, tag)
    return next((name for name, plain in stack if not plain), None)


def _open_or_close(stack: list[tuple[str, bool]], tag: re.Match[str]) -> None:
    """Keeps the open elements, each with whether it is plain."""
    if tag[0] == "<!--":
        stack.append(("<!--", False))
        return
    if tag[0] == "-->":
        if stack and stack[-1][0] == "<!--":
            stack.pop()
        return
    name = tag[2].lower()
    if tag[1]:
        names = [opened for opened, _ in stack]
        if name in names:
            del stack[len(names) - 1 - names[::-1].index(name) :]
    elif name != "br":
        stack.append((name, name in _PLAIN_TAGS and not tag[3].strip()))


# ---------------------------------------------------------------------------------------------- before the answer

_CLAUSE = re.compile(
    r"[.!?;](?=\s)|\n|,\s|\band(?=\s+(?:the|our)\s+(?:final\s+)?answer)|"
    r"\b(?:so|then|hence|therefore|thus|that means|which means|consequently)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?](?=\s)|\n")
_DOUBT = re.compile(
    r"\b"
    + one_of(r"""
    # it is not so
    not never neither nor cannot can['’]t don doesn isn wasn aren won without hardly barely
    wrong incorrect false bogus fake mistak* naive* fails? failed failing nobody no_one none
    deny denies denied refus* disagree* reject* rule_out ruled_out eliminat* avoid* stop
    # as others say it
    nicht kein* falsch* faux fausse erron* incorrect[ao]s?
    # it is something else
    except instead other_than different_from far_from anything_but unlike
    either(?!_(?:less|greater|more|smaller|larger|below|above)) or(?!_(?:less|greater|more|smaller|larger)_than)
    # it is so under a condition, in thought or by chance
    if unless whether until suppos* assum* imagin* pretend* hypothetical* wish
    maybe perhaps
    (?<!(?:arg|all|eat|igh|low|few)est_)(?<!imum_)(?<!all_)(?<!number_of_)(?<!different_)(?<![ty]_one_)(?<!e_only_)possible
    possibly probably probable likely(?<!equally_likely) might could
    would(?!_(?:need|take|cost|get|pay|earn|save|spend|have(?!_been)))
    doubt* guess* random
    presumabl* apparently supposedly hunch i_bet my_bet bet_on by_luck pure_luck
    # it is nearly so
    approximately about(?=(?:_(?:equal_to|the_same(?:_as)?|as_(?:much|many)_as|the_value))?[\s$*:(]*\Z)
    roughly around almost nearly most
    least(?<!need_at_least)(?<!needs_at_least)(?<!take_at_least)(?<!takes_at_least)(?<!buy_at_least)
    # somebody says so
    say says said saying claim* think thinks thought believ* told rumou?r* alleged* reported*
    asks?(?<!question_asks)(?<!problem_asks)(?<!exercise_asks)
    quote quotes quoted quoting quotation write(?<!i_write)(?<!we_write)(?<!will_write)(?<!ll_write)(?<!t_me_write)
    writes written(?!_out|_as|_in) user_wrote someone textbook
    people(?=_(?:get|got|find|put|answer|choose)) student(?=_(?:got|gets|found|answered|computed|obtained))
    why what(?!_we_need)
    # it only looks so
    seem seems appear appears looks_like tempt* trap decoy joke
    # it was so
    (?:it|that|this|answer|result|value|solution|box)_was used_to_be before originally(?!_(?:had|have|cost))
    initially(?!_(?:had|have|cost)) previous* old earlier draft
    # it shows how an answer looks
    example e\.g instance output template format placeholder dummy in_the_form put_(?:the|your|it)
    """)
    + r"\b|n['’]t|(?:≠|\\neq?\b|≈|\\approx)(?=[\s$*]*\Z)|~\s*$|[<>]\s*$|\\n?sim\b|\bbetween\b.*\d.*\band\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(r"\bthat\s*\Z", re.IGNORECASE)  # that the answer is: who says so?
_CONCLUDES = re.compile(
    r"\b"
    + one_of(r"""
    conclud* deduce* follows? impl\w+ means? shows? confirms? verif* tells_us gives? yields?
    find found see know note have get obtain*
    """)
    + r"\s+that\s*\Z",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:"
    + one_of("easier harder simpler similar another different other previous last next old original modified altered")
    + r"\s+(?:\w+\s+)?"
    + one_of("problem question version case setting exercise puzzle example world universe one")
    + "|"
    + one_of("versions? variants? scenarios? universe counterfactual* fiction* dreams?")
    + r")\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|unless|(?<!the )(?<!text )(?<!schema )(?<!data )(?<!information )(?<!tools )provided|providing|suppose|"
    r"supposing|assuming|imagine|pretend|hypothetically|ignoring|had)\b"
    r"(?:(?!\bthen\b|,).)*?,\s*(?!then\b|so\b)[^,]*$",
    re.IGNORECASE,
)


_ASIDE = re.compile(r"\((?:about|approx\w*\.?|roughly|≈)\s*\$?\d[^()]*\)")

_LEADS_ON = re.compile(
    r"(?::|\b(?:with|is|are|gives?|gave|get|got|ends?|says?|said|equals?))\s*\**\s*\Z",
    re.IGNORECASE,
)


def leads_on(lead: str) -> bool:
    """Whether a line goes on to what stands below it, so that its doubts are doubts of that too."""
    return _LEADS_ON.search(lead, max(0, len(lead) - 20)) is not None


def check_before(text: str, start: int, said: bool) -> None:
    """What begins at a place stands in the open, in an assertion and under no doubt.

    Args:
        text: the completion.
        start: where the commitment begins.
        said: it is a part of a sentence, so that the condition before a comma is one for it too.

    Raises:
        Nothing: it does not.
    """
    _check_markup(text, start)
    if match := _ANNOUNCED.search(text, max(0, start - LONGEST_LEAD), start):
        raise Nothing(f"{match[0]!r} before the answer")
    line = line_before(text, start)
    began = text.rfind("\n", 0, start) + 1
    lead = text[max(0, began - LONGEST_LEAD) : began].rstrip()
    if not line.strip(" $*\\([") and leads_on(lead):
        _check_doubt(lead[lead.rfind("\n") + 1 :])
    _check_doubt(line)
    sentence = line[_last(_SENTENCE, line) :]
    if said and _CONDITION.search(_ASIDE.sub(" ", sentence)):
        raise Nothing("the answer stands under a condition")
    if _ELSEWHERE.search(sentence):
        raise Nothing("the answer of something else")
    if _REPORTED.search(sentence) and not _CONCLUDES.search(sentence):
        raise Nothing("the answer is reported, not given")


_DENIED = re.compile(  # It is not, therefore, ...
    r"(?:\b(?:not|never|hardly|anything but|cannot be|no longer)|n['’]t(?:\s+be)?)\s*"
    r"(?:,[^,.]{0,60})?(?:,|\b(?:so|then|hence|therefore|thus)\b,?)\s*[\s$*\\(]*\Z",
    re.IGNORECASE,
)
_LUCK = re.compile(
    r"\b(?:no (?:idea|clue)|a (?:guess|hunch)|coin (?:flip|toss) (?:gave|gives|said|says)|dunno|just possible|"
    r"possible \w+ exist|about,\s+\w+,)",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(  # before the answer, of the answer
    r"\b(?:ignore|disregard|skip)\s+(?:the|this|that|my|whatever|what)\s+[^.\n]{0,30}"
    r"\b(?:box\w*|answer|tag|line|value|number|calls?|json)\b|"
    r"\b(?:about|going)\s+to\s+(?:box|write|give|put|state|enter|submit)\b[^.\n]{0,60}"
    r"\b(?:wrong|false|incorrect|fake|decoy|random|not)\b|"
    r"\b(?:next|following|coming)\s+(?:box|boxed|answer|value|number|line|tag)\b[^.\n]{0,60}"
    r"\b(?:wrong|false|incorrect|fake|decoy|random|placeholder|joke|only there)\b|"
    r"\b(?:my|the)\s+(?:real|actual|true)\s+answer\s+(?:is|would|will)\b",
    re.IGNORECASE,
)
# What a count or a chance is of: the probability that it is not red is ...
_OF_SOMETHING = re.compile(
    r"\b(?:probability|chance|odds|number|fraction|percentage|share|ways|maximum|minimum)\s+"
    r"(?:(?:of|that|to|for)\b(?!\W*(?:the\s+)?(?:answer|result|solution)))"
    r"(?:(?!\b(?:answer|result|true|right|correct|false|wrong)\b)[^.;:!?\d])*\b(?:is|are|was|equals)[\s$*\\(\[]*\Z",
    re.IGNORECASE,
)
_HARMLESS = frozenset(
    "not either or neither nor none without least most never except possible don doesn isn wasn".split()
)


_OTHER = re.compile(  # It is twice ...
    r"\b(?:"
    r"(?:more|less|fewer|greater|larger|smaller|bigger|higher|lower|other|rather)\s+than|exceed\w*|"
    r"(?:close|closer|nearer|next)\s+to|near|over|under|above|below|beyond|"
    r"twice|double|thrice|minus|negative|digits?|"
    r"(?:square|cube|half|third|quarter|double|negative|opposite|inverse|reciprocal|root|multiple|power|factor|divisor)"
    r"\s+of)[\s$*\\(]*\Z",
    re.IGNORECASE,
)


def _check_doubt(line: str) -> None:
    """Only the last clause can doubt what follows the line, but for a negation before a comma."""
    sentence = line[_last(_SENTENCE, line) :]
    if denied := _DENIED.search(line) or _OTHER.search(sentence) or _LUCK.search(sentence):
        raise Nothing(f"{denied[0].strip()!r} before the answer")
    if _OF_SOMETHING.search(line):
        doubts = {match[0].lower() for match in _DOUBT.finditer(line, _last(_CLAUSE, line))}
        if all(doubt in _HARMLESS or doubt == "n't" for doubt in doubts):
            return
    if match := _DOUBT.search(line, _last(_CLAUSE, line)):
        raise Nothing(f"{match[0]!r} before the answer")


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where the last match ends, 0 without one."""
    return max((match.end() for match in pattern.finditer(text)), default=0)


# ----------------------------------------------------------------------------------------------- beside the answer

_BEFORE_BOX = (*r"\( \[ \displaystyle \large \Large \huge \Huge \quad \qquad \, \; \!".split(), "\\ ", "\\\\")
_AFTER = re.compile(r"(?:\s*(?:\$\$?|\\\)|\\\]|\*\*|\}|\.?\s*\\end\{[a-z]+\*?\}))*")
_OPERATORS_BEFORE = re.compile(
    r"(?:[-+*/^_×÷·−±√\\(]|"
    r"\\(?!implies|Rightarrow|therefore|rightarrow|to|Longrightarrow|longrightarrow|iff|colon)"
    r"[A-Za-z]+(?:\s*_\s*(?:\w|\{[^{}]*\})|\s*\[[^\]]*\])?)\Z"
)
_OPERATORS_AFTER = re.compile(
    r"[-+*/^_×÷·−±!=<>≈≠\d]|\\(?:times|cdot|div|pm|mp|ne|neq|approx|sim|lt|gt|le|ge|boxed|frac|sqrt|left)"
)
_FACTOR_BEFORE = re.compile(r"(?:[\d)}|⌊⌈\]]|(?<![A-Za-z\\])[A-Za-z])(?:[ \t~]|\\[,;!: ])*\Z")
_FACTOR_AFTER = re.compile(r"[A-Za-z]|\\(?:pi|sqrt|frac|dfrac|theta|alpha|beta|ln|log|sin|cos|tan|cdot|times)\b")
_ROUNDED_AFTER = re.compile(r"(?:\\approx|≈)\s*\$?-?\d[\d.,]*")  # which must be near, as afterwards.py has it
_UNIT_AFTER = re.compile(r"\^\s*\{?\s*\\circ|\\(?:text|mathrm)|</?[a-z]")
_TEXT_BEFORE = re.compile(r"\\(?:text|mathrm|textbf)\{[^{}]*\}\Z")
_HALF_A_NUMERAL = re.compile(r"\d[.,]\$?\Z")
_WRAPPING = re.compile(
    r"\\(?:text|textbf|mathbf|boldsymbol|bm|underline|mathrm|mathit|textit|emph|large|displaystyle)\s*\Z|(?:^|[\s$])\Z"
)
_BRACE = re.compile(r"(?<!\\)[{}]")
_INTERVAL = re.compile(r"\$[^$]{1,60}\$")  # $[0, 2\pi)$
_DELIMITER = re.compile(r"\\[\[\](){}]")


def closed(text: str, end: int) -> int:
    r"""Where the marks that close a formula or bold print end.

    >>> closed("$\\boxed{4}$ pens", 10)
    11
    """
    match = _AFTER.match(text, end, end + 100)
    return match.end() if match is not None else end


def check_box(text: str, start: int, end: int) -> None:
    r"""A box is the whole of what it is a part of: no sign, digit or operator beside it, no fraction around it.

    Args:
        text: the completion.
        start: where `\boxed` begins.
        end: where its brace has closed.

    Raises:
        Nothing: it is a part of something.
    """
    before = text[max(0, start - 300) : start]
    after = text[closed(text, end) :][:40].partition("\n")[0].lstrip()
    beside = text[end : end + 20]
    if (
        _in_braces(before[before.rfind("\n\n") + 1 :])
        or _in_brackets(before[before.rfind("\n") + 1 :])
        or _joined(before[-80:])
        or _FACTOR_AFTER.match(beside)
        or (_OPERATORS_AFTER.match(after) and not _UNIT_AFTER.match(after) and not _ROUNDED_AFTER.match(after))
    ):
        raise Nothing("the box is a part of something")


def _in_braces(before: str) -> bool:
    """Whether a brace is open that does more than set its content in a font."""
    depth = 0
    for brace in reversed(list(_BRACE.finditer(before))):
        depth += 1 if brace[0] == "{" else -1
        if depth > 0:
            if not _WRAPPING.search(before[: brace.start()]):
                return True
            depth = 0
    return False


def _in_brackets(line: str) -> bool:
    line = _DELIMITER.sub("  ", _INTERVAL.sub(" ", line))
    return line.count("(") > line.count(")") or line.count("[") > line.count("]")


def _joined(before: str) -> bool:
    """Whether what stands before a box goes on in it."""
    if before.endswith(("\\in", "\\in ", "∈", "∈ ", "\\quad", "\\qquad")):
        return False
    if _in_formula(before) and _FACTOR_BEFORE.search(before) and not _TEXT_BEFORE.search(before.rstrip()):
        return True
    if _OPERATORS_BEFORE.search(_stripped(before)[-24:]):
        return True
    last = before.removesuffix("\\$").rstrip("$")[-1:]
    touches = last.isalnum() or last in (")", "]", "}", "_") or _HALF_A_NUMERAL.search(before) is not None
    return touches and not _TEXT_BEFORE.search(before)


def _in_formula(before: str) -> bool:
    opened = max(before.rfind("\\["), before.rfind("\\("))
    return before.count("$") % 2 == 1 or opened > max(before.rfind("\\]"), before.rfind("\\)"))


def _stripped(before: str) -> str:
    """What stands before a box, without the signs that only open a formula."""
    while True:
        shorter = _TEXT_BEFORE.sub("", before.rstrip(" \n\t*&~").removesuffix("\\$").rstrip("$"))
        for sign in _BEFORE_BOX:
            shorter = shorter.removesuffix(sign)
        if shorter == before:
            return before
        before = shorter
