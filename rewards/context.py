r"""What stands around a place where a text commits to an answer: it may be hidden, doubted, spliced or taken back.

Every check raises `Nothing` with the reason why the answer there does not count. What is not known to leave the answer
alone speaks against it: the lists of words below are long because a policy finds the one that is missing.
"""

import re
from fractions import Fraction

from rewards.evaluator import Evaluator, Undefined, rational, symbols_of
from rewards.grammar import NotRead, parse, tidy, tokens_of, unwrap
from rewards.numerals import in_words, read_plain

LONGEST_TAIL = 400  # characters after the answer
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

_TAGS = re.compile(r"<!--|-->|<(/?)([A-Za-z][A-Za-z0-9_-]{0,30})((?:\s[^<>]{0,200})?)/?>")
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
    for count, tag in enumerate(_TAGS.finditer(text)):
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
    wrong incorrect false bogus fake mistak* naive* fail*
    deny denies denied refus* disagree* reject* rule_out ruled_out exclud* eliminat* avoid* stop
    # it is something else
    except instead other_than different_from far_from anything_but unlike either or
    # it is so under a condition, in thought or by chance
    if unless whether until suppos* assum* imagin* pretend* hypothetical* wish
    maybe perhaps possible possibly probably probable likely might could would doubt* guess* random
    # it is nearly so
    approximately about roughly around almost nearly least most
    # somebody says so
    say says said saying claim* think thinks thought believ* ask asks told rumou?r* allegedly
    quote quotes quoted quoting quotation write writes written(?!_out) someone people student textbook
    why what(?!_we_need)
    # it only looks so
    seem seems appear appears looks_like tempt* trap decoy joke
    # it was so
    was used_to_be before originally initially previous* old earlier draft
    # it shows how an answer looks
    example e\.g instance output template format placeholder dummy
    """)
    + r"\b|n['’]t|≠|\\neq?\b|≈|\\approx|~\s*$|[<>]\s*$|\\n?sim\b|\bbetween\b.*\d.*\band\b",
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
    r"\b(?:if|unless|suppose|supposing|assuming|imagine|pretend|hypothetically|ignoring|had)\b"
    r"(?:(?!\bthen\b|,).)*?,\s*(?!then\b|so\b)[^,]*$",
    re.IGNORECASE,
)


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
    line = line_before(text, start)
    began = text.rfind("\n", 0, start) + 1
    lead = text[max(0, began - LONGEST_LEAD) : began].rstrip()
    if not line.strip(" $*\\([") and leads_on(lead):
        _check_doubt(lead[lead.rfind("\n") + 1 :])
    _check_doubt(line)
    sentence = line[_last(_SENTENCE, line) :]
    if said and _CONDITION.search(sentence):
        raise Nothing("the answer stands under a condition")
    if _ELSEWHERE.search(sentence):
        raise Nothing("the answer of something else")
    if _REPORTED.search(sentence) and not _CONCLUDES.search(sentence):
        raise Nothing("the answer is reported, not given")


def _check_doubt(line: str) -> None:
    """Only the last clause can doubt what follows the line."""
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
_UNIT_AFTER = re.compile(r"\^\s*\{?\s*\\circ|\\(?:text|mathrm)|</?[a-z]")
_TEXT_BEFORE = re.compile(r"\\(?:text|mathrm|textbf)\{[^{}]*\}\Z")
_HALF_A_NUMERAL = re.compile(r"\d[.,]\$?\Z")
_WRAPPING = re.compile(
    r"\\(?:text|textbf|mathbf|boldsymbol|bm|underline|mathrm|mathit|textit|emph|large|displaystyle)\s*\Z|(?:^|[\s$])\Z"
)
_BRACE = re.compile(r"(?<!\\)[{}]")
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
    if (
        _in_braces(before[before.rfind("\n\n") + 1 :])
        or _in_brackets(before[before.rfind("\n") + 1 :])
        or _joined(before[-80:])
        or (_OPERATORS_AFTER.match(after) and not _UNIT_AFTER.match(after))
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
    line = _DELIMITER.sub("  ", line)
    return line.count("(") > line.count(")") or line.count("[") > line.count("]")


def _joined(before: str) -> bool:
    """Whether what stands before a box goes on in it."""
    if _OPERATORS_BEFORE.search(_stripped(before)[-24:]):
        return True
    last = before.removesuffix("\\$").rstrip("$")[-1:]
    touches = last.isalnum() or last in (")", "]", "}", "_") or _HALF_A_NUMERAL.search(before) is not None
    return touches and not _TEXT_BEFORE.search(before)


def _stripped(before: str) -> str:
    """What stands before a box, without the signs that only open a formula."""
    while True:
        shorter = _TEXT_BEFORE.sub("", before.rstrip(" \n\t*&~").removesuffix("\\$").rstrip("$"))
        for sign in _BEFORE_BOX:
            shorter = shorter.removesuffix(sign)
        if shorter == before:
            return before
        before = shorter


# ------------------------------------------------------------------------------------------------- after the answer

_CORRECTION = re.compile(
    r"\b"
    + one_of(r"""
    no not_right wrong incorrect mistake wait hold_on actually correction sorry oops scratch_that
    let_me_(?:re|fix|check|correct)
    """),
    re.IGNORECASE,
)
_COURTESY = re.compile(
    one_of(r"""
    # hope
    i_hope_(?:it|this|that)(?:_is|['’]s)?_(?:correct|right|helps?|clear)
    (?:i_)?hope_(?:this|that|it)_(?:helps?|makes_sense)
    # an offer
    let_me_know_if_[a-z_'’]{0,60}
    feel_free_to_ask[a-z_]{0,60}
    if_you_have_any_(?:more_|other_|further_)?questions[a-z_,]{0,40}
    i['’]m_(?:glad|happy)_to_[a-z_,]{0,60}
    good_luck[a-z_]{0,40}
    thank_you(?:_for_[a-z_]{0,40})? thanks
    # the end
    (?:this|that)_is_(?:the|my|our)_(?:final_)?(?:answer|result|solution)
    (?:and_)?(?:this|that|which)_(?:is|completes|concludes)_(?:the|our)_(?:final_)?(?:answer|solution|proof|problem)
    end_of_(?:the_)?(?:solution|answer|proof)
    q\.?e\.?d done final_answer answer
    """),
    re.IGNORECASE,
)
_POLITE_QUESTION = re.compile(
    one_of(r"""
    does_(?:that|this)_make_sense
    is_there_anything_else[a-z_]{0,40}
    would_you_like_[a-z_'’]{0,60}
    any_questions
    """)
    + r"\?",
    re.IGNORECASE,
)
_RETRACTION = re.compile(
    r"\b"
    + one_of(r"""
    # no
    no not never nope nah nor neither none nothing nobody cannot can['’]t isn doesn wasn didn don won aren ain
    # but
    but however though although yet still instead or either otherwise else except rather than
    alternat* other others another both_are also too and\s+(?:also|then)
    # it was wrong
    wrong* incorrect* false untrue mis\w+ err* flaw* bug broken invalid void absurd silly ridiculous impossible
    nonsense rubbish garbage
    # and is taken back
    wait actually correction corrected amend* revis* edit* updat* chang* replac* switch* reconsider*
    re-?check* re-?count* re-?do* re-?read* re-?think* re-?calculat* re-?comput* re-?evaluat* re-?examin*
    again reflection hindsight sorry oops hmm+ ugh whoops apolog* regret*
    retract* withdraw* cancel* scrap* scratch* strike struck delet* remov* eras* undo*
    ignor* disregard* forget discard* reject* dismiss* drop skip overrul* take\s+(?:it|that|this)\s+back
    # it was not meant
    joke* joking kidding lie lied lying prank* fool* trick* trap* decoy* bait* bogus fake* dummy placeholder
    sarcas* iron* random* made_up invented hallucinat* fiction* imagin* pretend*
    example instance template sample test quot*
    # it may be
    if unless whether until only_if as_if hypothe* suppos* assum* maybe perhaps possib* probab* likely
    might could should would may ought guess* unsure sure uncertain* certain doubt* hesitat* confus* unclear
    unknown unverified depend* vary varies range*
    # it is nearly so
    approx* about around roughly almost nearly close
    # somebody says so
    someone they_say claim* alleged* rumou?r* said says according student teacher textbook book official
    believ* think thought feel trust
    # words to whoever pays
    grader grade grading evaluator judge user system prompt* instruct* accept reward* prefer* want* wish*
    # another task
    question* problem* exercise next new now solution_set
    # another number
    minus plus half double* twice triple* thrice per hundred* thousand* million* billion* trillion* dozen*
    squared cubed negat* opposite inverse reciprocal add* subtract* multipl* divid*
    more less fewer greater larger bigger smaller higher lower above below least most off short extra better best
    # another time
    incomplete unfinished continued pending draft preliminary initial* first attempt* old previous* earlier
    before later was used_to
    """)
    + r"\b|n['’]t|[?%^&|<>{}=+/×÷≈≠✗✘❌✖☒🚫👎🙃😉😜🤷]|\\[A-Za-z]|\*\*?\d",
    re.IGNORECASE,
)
_MONTH = re.compile(r"\b(?:in|and|of|on) May\b")
_PERSONAL = re.compile(r"\b(?:I|me|my|mine|you|your|we['’]ll|let)\b", re.IGNORECASE)
_NEUTRAL = frozenset(
    listed("""
    # structure
    a an the in of for on at with by from as to and that this it which who where when then now there here so therefore
    thus hence only just exactly altogether finally
    # people
    i you he she they we his her their its our my
    # verbs
    is are was were be been will do does did has have had get gets got make makes give gives need needs
    wanted desired sought looking required must remain remains remaining left earn earns pay pays cost costs
    means equals conclude concluded
    # the answer
    answer final result solution conclusion correct right yes indeed value number amount all total sum product count
    # measures
    price profit distance area length time day week month year hour each every one
    """)
)
_OPENING = frozenset("yes so thus therefore hence this that it and the answer which final result".split())

_A_NUMERAL = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_NUMERAL = re.compile(_A_NUMERAL)
_SUM = re.compile(rf"([A-Za-z ,]*)[: ]?\s*[\d\s+\-*/×·().,$]+=\s*\$?(-?{_A_NUMERAL})", re.IGNORECASE)
_CHECK = re.compile(
    r"(?:we can |let us |let's )?(?:check|verify|verification|checking|indeed)(?: this| it| that)?\s*:?\s+"
    r"([\d\s+\-*/×÷·().,$]+=[\d\s.,$]+)(?:,? as (?:required|expected|needed))?",
    re.IGNORECASE,
)
_CHECKS = re.compile(r"\b(?:check|verif|satisf|substitut|confirm|indeed)\w*", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"\A(?:wait,?\s+)?(?:(?:let\s+(?:me|us)|let's|I|we)\s+)?(?:can\s+|now\s+)?(?:quickly\s+|a\s+quick\s+|as\s+a\s+)?"
    r"(?:double[- ]?|sanity\s+)?",
    re.IGNORECASE,
)
_THAT_IS = re.compile(r"\A\s*(?:that is|in other words|i\.e\.),\s*", re.IGNORECASE)
_DIGIT_OR_EQUALS = re.compile(r"[\d=]")
_EQUATION = re.compile(rf"([\d\s+\-*/×÷·().,$^]*\d\)?\s*)=\s*\$?(-?{_A_NUMERAL})")
_CONTRAST = re.compile(r"not \$?\d[\d,.]*")
_SAME = re.compile(
    r"[\s,;—–-]*(?:\w+\s+){0,2}?(?:"
    + one_of(r"""
    , so and or i\.e\. that_is which_is this_is it_is equivalently in_other_words that['’]s
    as_a_(?:decimal|percentage|percent|fraction)
    is equals equal_to corresponds?_to written expressed in decimal_form the_same_as
    approximately about roughly around ≈ \\approx
    """)
    + rf"[\s,]*){{1,6}}(?P<value>-?{_A_NUMERAL}\s*(?:\\?%|percent)?)(?:\s+[a-z]+){{0,2}}[\s.)]*",
    re.IGNORECASE,
)
_ROUNDED = re.compile(r"approx|about|roughly|around|≈", re.IGNORECASE)
_SENTENCES = re.compile(r"[.!](?=\s|$)|\n|\\\]|\$\$")
_PLAIN_MATH = re.compile(r"\\text\{([^{}]*)\}|\\[,;!$ ()]|\\(?:boxed|fbox)\{[^{}]*\}")
_PERCENT = re.compile(r"(?<=\d)\s*(?:\\?%|percent)")
_WORD = re.compile(r"[A-Za-z]+")


def corrected(text: str, start: int, end: int) -> bool:
    """Whether a text takes something back between two places.

    >>> corrected("It is 4. Wait, it is 5.", 8, 23), corrected("It is 4. It is 5.", 8, 17)
    (True, False)
    """
    return _CORRECTION.search(text, start, end) is not None


def check_after(text: str, end: int, answer: str) -> None:
    """After an answer stand only closing marks, polite words, and sentences that leave it as it is.

    Args:
        text: the completion.
        end: where the answer ends.
        answer: what it is.

    Raises:
        Nothing: something else stands there.
    """
    if len(text) - end > 2 * LONGEST_TAIL:
        raise Nothing("text goes on after the answer")
    tail = text[closed(text, end) :].strip(" \t\n.,;:!*$_`)]}\\\"'”’✓✔✅■□∎")
    if len(tail) > LONGEST_TAIL:
        raise Nothing("text goes on after the answer")
    if not tail:
        return
    numerals = _numerals(answer)
    known: set[str] = set()
    for part in _SENTENCES.split(_POLITE_QUESTION.sub(" ", _TAGS.sub(" ", tail))):
        sentence = part.strip(" \t*$_`()[]\\\"'”’,;:✓✔✅-")
        if not _leaves_it(sentence, numerals):
            known = known or _low_words(text[:end]) | _NEUTRAL
            _check_sentence(sentence, answer, numerals, known)


def _numerals(text: str) -> set[str]:
    return {numeral.replace(",", "") for numeral in _NUMERAL.findall(text)}


def _low_words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _leaves_it(sentence: str, numerals: set[str]) -> bool:
    """Whether a sentence is empty, polite, or a sum or check with the answer in it."""
    if not sentence or _COURTESY.fullmatch(sentence) or _CONTRAST.fullmatch(sentence):
        return True
    if "=" in sentence:
        made = _SUM.fullmatch(sentence)
        if made is not None and made[2].replace(",", "") in numerals and not _RETRACTION.search(made[1]):
            return True
        check = _CHECK.fullmatch(sentence)
        if check is not None and numerals & set(_NUMERAL.findall(check[1])):
            return True
    return "=" in sentence and _CHECKS.search(sentence) is not None and _holds(_LEAD_IN.sub("", sentence), numerals)


def _holds(claim: str, numerals: set[str]) -> bool:
    """Whether a check is true arithmetic with the answer in it, and words that take nothing back."""
    equations = list(_EQUATION.finditer(claim))
    if not equations or not numerals & set(_NUMERAL.findall(claim.replace(",", ""))):
        return False
    for equation in equations:
        try:
            left, right = (parse(tokens_of(tidy(side.replace("$", "")))) for side in equation.groups())
        except NotRead:
            return False
        if (value := rational(left)) is None or value != rational(right):
            return False
    rest = _EQUATION.sub(" ", claim)
    return not (_DIGIT_OR_EQUALS.search(rest) or _RETRACTION.search(rest) or _PERSONAL.search(rest))


def _check_sentence(sentence: str, answer: str, numerals: set[str], known: set[str]) -> None:
    """It names no other number, takes nothing back, and speaks of the things that are known from before."""
    plain = _PLAIN_MATH.sub(r" \1 ", sentence).replace("$", " ").replace("*", " ")
    if "%" in answer or "percent" in answer:
        plain = _PERCENT.sub("", plain)
    if _says_the_same(plain, answer):
        return
    plain = _without_the_value(_THAT_IS.sub("", plain), answer)
    if match := _RETRACTION.search(_MONTH.sub("", plain)):
        raise Nothing(f"{match[0]!r} after the answer")
    said = _numerals(plain)
    if not said <= numerals:
        raise Nothing("another number after the answer")
    _check_words(plain, answer, known, bool(said) or (not numerals and unwrap(answer).lower() in plain.lower()))


def _check_words(plain: str, answer: str, known: set[str], again: bool) -> None:
    """No other letter, no number in words, nobody who speaks, and few words that are new.

    Args:
        plain: a sentence after the answer.
        answer: the answer.
        known: words that may stand there.
        again: the sentence names the answer again.
    """
    words = _WORD.findall(plain)
    strange = [word for word in words if not _forms(word) & known]
    letter = unwrap(answer).strip("()")
    if len(letter) == 1 and any(len(word) == 1 and word.isupper() and word not in (letter, "I") for word in words):
        raise Nothing("another letter after the answer")
    if any(in_words([word.lower()])[0] is not None for word in strange):
        raise Nothing("another number after the answer")
    if _PERSONAL.search(plain):
        raise Nothing("words about the answer after it")
    first = next((word for word in re.findall(r"[a-z]+", plain.lower()) if word not in _OPENING), "")
    about = first in ("is", "are", "as", "for", "to")
    if again and not about:
        return  # it says the same again, of something
    allowed = len(words) >= 6 if about else len(words) // 2 if len(words) >= 4 else 0
    if len(strange) > allowed:
        raise Nothing(f"{strange[0]!r} after the answer")


def _forms(word: str) -> set[str]:
    low = word.lower()
    return {low, low.removesuffix("s"), low + "s"}


def _says_the_same(sentence: str, answer: str) -> bool:
    """Whether it only gives the same value in another form, rounded where it says so: `or about 33.3 %` for 1/3."""
    match = _SAME.fullmatch(sentence)
    if match is None:
        return False
    said, value = _value_of(match["value"]), _value_of(answer)
    if said is None or value is None:
        return False
    if not _ROUNDED.search(sentence):
        return said == value
    return value.denominator != 1 and abs(said - value) <= abs(value) / 50


def _without_the_value(sentence: str, answer: str) -> str:
    """The sentence without the answer in words: `so that is twenty-one pens` says 21 again."""
    words = list(_WORD.finditer(sentence))
    low = [word[0].lower() for word in words]
    for place in range(len(words)):
        value, used = in_words(low[place : place + 12])
        if value is None:
            continue
        if low[place + used : place + used + 1] == ["percent"]:
            value, used = value / 100, used + 1
        if value == _value_of(answer):
            return sentence[: words[place].start()] + sentence[words[place + used - 1].end() :]
        break
    return sentence


def same_value(one: str, other: str) -> bool:
    """Whether two texts are one number."""
    value = _value_of(one)
    return value is not None and value == _value_of(other)


def _value_of(text: str) -> Fraction | None:
    """The value of a numeral or of an expression without letters; an irrational one to 30 digits."""
    try:
        node = read_plain(text)
        tree = node[0] if node is not None else parse(tokens_of(tidy(text)))
        if symbols_of(tree):
            return None
        value = Evaluator(30, False).value(tree, {})
    except (NotRead, Undefined):
        return None
    return value if isinstance(value, Fraction) else Fraction(str(value))
