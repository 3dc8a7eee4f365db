r"""What stands after an answer: polite words, remarks that leave it as it is, or something that takes it back.

`check_after` raises `Nothing` with the reason why the answer does not count. A policy gains by what offers a second
value, so a remark that brings in other numbers must explain, compare or check; one that brings in none may say much, but
no word of retraction, and none of doubt about the answer. After an answer in words any new word could be a second
answer, so there a remark speaks of what is known from before.
"""

import re
from fractions import Fraction

from rewards.context import TAGS, Nothing, closed, listed, one_of
from rewards.evaluator import Evaluator, Undefined, rational, symbols_of
from rewards.grammar import NotRead, parse, tidy, tokens_of, unwrap
from rewards.numerals import in_words, read_plain

LONGEST_TAIL = 400  # characters after the answer

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
    (?:please_)?(?:let_me_know|tell_me)_if_(?:you|anything|there|any)[^.!?]{0,80}
    (?:please_)?feel_free_to_(?:ask|reach_out)[^.!?]{0,60}
    if_you_have_any_(?:more_|other_|further_)?questions[a-z_,]{0,40}
    i['’]m_(?:glad|happy|here)_to_[a-z_,]{0,60}
    good_luck[a-z_]{0,40}
    thank_you(?:_for_[a-z_]{0,40})? thanks(?:_for_the_[a-z]+)?(?:,_and_let_me_know_if_you[^.!?]{0,60})?
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
_RETRACTION = re.compile(  # whatever it is about
    r"\b"
    + one_of(r"""
    never nope nah neither nor nothing nobody instead otherwise else except either both_are on_the_contrary
    # it was wrong
    wrong* incorrect* false untrue inaccura*
    mis(?:take\w*|read\w*|count\w*|calculat\w*|understood|stat\w*) err(?:or)?s? erron\w* flaw* bug invalid void
    absurd silly ridiculous nonsense rubbish garbage bogus
    # and is taken back
    wait correction corrected amend* revis* edit edited updat* replac* switch* reconsider*
    re-?check* re-?count* re-?do* re-?read* re-?think* re-?calculat* re-?comput* re-?evaluat* re-?examin*
    on_reflection in_hindsight sorry oops hmm+ ugh whoops apolog* regret* second_thoughts?
    retract* withdraw* cancel* scrap scratch strike struck undo*
    ignor* disregard* forg[eo]t\w* turns_(?:this|it|that)_into reject* dismiss* overrul* take_(?:it|that|this)_back
    (?:go|going|stick|settle|settling|opt|opting)_(?:with|for)
    # it was not meant
    joke* joking kidding lie lied lying prank* fool* trick* trap* decoy* bait* fake* dummy placeholder
    sarcas* iron(?:y|ic\w*) random* made_up invented hallucinat* fiction* pretend*
    template quot* i['’]d i_would had_not hadn['’]t
    # it may be
    unless whether maybe perhaps possib* probabl(?:e|y) guess(?!-and) guessed guesses guessing unsure uncertain* doubt*
    hesitat* unknown unverified depend* vary varies might likely ought should_(?:be|have) could_(?:be|also) may_be
    no_idea not_(?:so|really|quite|necessarily|sure|certain|right|correct|true|it|the_answer|what|final)
    # somebody says so
    someone they_say claim* alleged* rumou?r* believ* think thinks thought
    # words to whoever pays, and the beginning of another answer
    grader grade grading evaluator judge user prompt* instruct* accept reward*
    incomplete unfinished continued pending draft preliminary
    let_me_(?:start|begin|try|read|solve|think|redo|see) sure,
    # as others say it
    non faux nein falsch fehler perdón equivoqué error incorrecto erreur
    """)
    + r"\b|[🙃😉😜🤷✗✘❌✖☒🚫👎≠]|\?",
    re.IGNORECASE,
)
_DOUBT = re.compile(  # where it is about the answer
    r"\b"
    + one_of(r"""
    no not none cannot can['’]t isn doesn wasn didn don won aren ain
    but however though although yet still or rather than alternat* other others another also too and_(?:also|then)
    broken misle* actually chang* again delet* remov* eras* discard* drop skip impossible imagin*
    example instance sample test if until only_if as_if hypothe* suppos* assum*
    could would should may sure confus* unclear range* approx* about around roughly almost nearly close
    said says according student teacher textbook book official trust feel system prefer* want* wish*
    question* problem* exercise next new now solution_set
    minus plus half double* twice triple* thrice per hundred* thousand* million* billion* trillion* dozen*
    squared cubed negat* opposite inverse reciprocal add* subtract* multipl* divid*
    more less fewer greater larger bigger smaller higher lower above below least most off short extra better best
    initial* first attempt* old previous* earlier before later was used_to
    """)
    + r"\b|n['’]t|[%^&|<>{}=+/×÷≈]|\\[A-Za-z]|\*\*?\d",
    re.IGNORECASE,
)
_ABOUT_IT = re.compile(
    r"\b(?:answers?|results?|solutions?|it|values?|correct|right|true|box|boxed|above|number|choice|option|final|ones?"
    r"|actual|actually|real|really|same)\b|\A\W*(?:that|this|these|those)\b|"
    r"\b(?:that|this)(?:['’]s| is| was| may| holds?)\b",
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


_NUMERAL = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_A_NUMERAL = _NUMERAL.pattern
_MONEY = rf"[$€£]?\s*-?{_A_NUMERAL}"
_SECOND = re.compile(  # another value, offered
    rf"\bor\b\W*(?:\w+\s+){{0,2}}?{_MONEY}|\A\W*(?:and|to|,|/|&)\s*{_MONEY}|{_MONEY}\s+to\s+{_MONEY}"
    rf"|\b(?:also|too|as\s+well)\b.{{0,20}}\b(?:works?|fits?|valid|correct|right|possible|answer|solution|be|is)\b"
    rf"|\b(?:works?|fits?|valid|correct|right|possible|answer|solution|is|are|be)\s+(?:also|too|as\s+well|another)\b"
    rf"|\b(?:would|could|should|may|might|must)\s+(?:also\s+)?be\W+(?:\w+\s+){{0,2}}?{_MONEY}"
    rf"|\b(?:but|however|though|actually|alternativ\w*|wanted|asked|sought|desired|looking\s+for)\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(  # another value, said to be the answer
    r"\b(?:answer|result|solution|total|value|it|final|correct|right|true|actual|actually|real)\b[^\d.;]{0,25}?"
    r"(?:\bis\b|\bwas\b|\bbe\b|\bequals?\b|\bbecomes?\b|=|:)\s*(?:\w+\s+){0,2}?"
    rf"(?P<value>{_MONEY})(?!\s*(?:%|percent|times|more|less|fewer|greater|smaller|higher|lower))",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\A\W*(?:and\s+|but\s+)?(?:so|therefore|thus|hence|then|finally|meaning|in\s+total|total|consequently|final\w*|"
    r"answer\w*|or|and|also|too|plus|minus|now|add\w*|subtract\w*|no|not|another)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r"\b(?:because|since|recall|reminder|note|explanation|e\.g|for\s+(?:example|instance|comparison|scale|reference)|"
    r"fun\s+fact|of\s+course|in\s+particular|while|exactly\s+as|as\s+the\s+problem|each|every|per|apiece|leaves|leaving|left|"
    r"remain\w*|other|more|less|fewer|under|over|between|next|last\s+year|ago|later|previous\w*|originally|mentioned|given|"
    r"complement|modulus|radius|axis|slope|length|height|at\s+x|endpoint|both|included|extraneous|expand\w*|powers?|"
    r"familiar|degrees?|radian\w*|plausible|reasonable|makes\s+sense|realistic|consistent|intuition|summary)\b|[✓✔✅]",
    re.IGNORECASE,
)
_CHECKS = re.compile(
    r"\b(?:check|verif|satisf|substitut|confirm|indeed|plug|sanity|match|complement|consistent|agree)\w*|"
    r"\bas\s+(?:required|expected|given|stated|needed)\b|\b(?:same\s+(?:result|answer|number)|exactly\s+as)\b|[✓✔✅]",
    re.IGNORECASE,
)
_CONFIRMED = re.compile(
    r"\b(?:yes|match(?:es)?|confirm(?:s|ed)|checks? out|consistent|same|holds)\b|[✓✔✅]", re.IGNORECASE
)
_SECOND_LOOK = re.compile(
    r"(?:\bwait,?\s+)?\blet(?:\s+me|['’]s|\s+us)\s+(?:just\s+|quickly\s+)?(?:double[- ]?)?(?:re-?)?(?:check|verify)\b",
    re.IGNORECASE,
)
_ADJUNCT = re.compile(
    rf"\b(?:of|for|in|from|with|by|at|than|after|on|the)\s+(?:the\s+|all\s+|about\s+)?{_MONEY}(?=\s+[a-z])",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"\\[A-Za-z]|[=<>^≤≥≈|/]")
_FORMULA_ANSWER = re.compile(r"\d|\\[A-Za-z]|[A-Za-z]\^")
_SUM = re.compile(rf"([A-Za-z ,]*)[: ]?\s*[\d\s+\-*/×·().,$]+=\s*\$?(-?{_A_NUMERAL})", re.IGNORECASE)
_CHECK = re.compile(
    r"(?:we can |let us |let's )?(?:check|verify|verification|checking|indeed)(?: this| it| that)?\s*:?\s+"
    r"([\d\s+\-*/×÷·().,$]+=[\d\s.,$]+)(?:,? as (?:required|expected|needed))?",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"\A(?:wait,?\s+)?(?:(?:let\s+(?:me|us)|let's|I|we)\s+)?(?:can\s+|now\s+)?(?:quickly\s+|a\s+quick\s+|as\s+a\s+)?"
    r"(?:double[- ]?|sanity\s+)?",
    re.IGNORECASE,
)
_THAT_IS = re.compile(r"\A\s*(?:that is|in other words|i\.e\.),\s*", re.IGNORECASE)
_DIGIT_OR_EQUALS = re.compile(r"[\d=]")
_EQUATION = re.compile(rf"([\d\s+\-*/×÷·().,$^]*\d\)?\s*)=\s*\$?(-?{_A_NUMERAL})")
_CONTRAST = re.compile(r"\b(?:not|rather than)\s+\$?\d(?:[\d,.]*\d)?\b", re.IGNORECASE)
_SAME = re.compile(
    r"[\s,;—–-]*(?:\w+\s+){0,2}?(?:"
    + one_of(r"""
    , so and or i\.e\. that_is which_is this_is it_is equivalently in_other_words that['’]s
    as_a_(?:decimal|percentage|percent|fraction)
    is equals equal_to corresponds?_to written expressed in decimal_form the_same_as
    approximately about roughly around ≈ \\approx
    """)
    + rf"[\s,]*){{1,6}}(?P<value>-?{_A_NUMERAL}(?:\^\{{?\d{{1,3}}\}}?)?\s*(?:\\?%|percent)?)"
    r"(?:\s+[a-z]+){0,4}[\s.)]*",
    re.IGNORECASE,
)
_ROUNDED = re.compile(r"approx|about|roughly|around|≈", re.IGNORECASE)
_SENTENCES = re.compile(r"[.!](?=\s|$)|\n|\\\]|\$\$")
_PLAIN_MATH = re.compile(r"\\text\{([^{}]*)\}|\\[,;!$ ()]|\\(?:boxed|fbox)\{[^{}]*\}")
_PERCENT = re.compile(r"(?<=\d)\s*(?:\\?%|percent)")
_WORD = re.compile(r"[A-Za-z]+")
_WORD_OR_DIGIT = re.compile(r"\w")


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
    remarks = _CONTRAST.sub(" ", _POLITE_QUESTION.sub(" ", TAGS.sub(" ", tail)))
    if _CONFIRMED.search(remarks) and _CHECKS.search(remarks):
        remarks = _SECOND_LOOK.sub("check", remarks)
    for part in _SENTENCES.split(remarks):
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
    if (
        not sentence
        or _COURTESY.fullmatch(sentence)
        or not (_WORD_OR_DIGIT.search(sentence) or _RETRACTION.search(sentence))
    ):
        return True
    if "=" in sentence:
        made = _SUM.fullmatch(sentence)
        if made is not None and made[2].replace(",", "") in numerals and not _taken_back(made[1]):
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
    return not (_DIGIT_OR_EQUALS.search(rest) or _taken_back(rest) or _PERSONAL.search(rest))


def _taken_back(words: str) -> bool:
    return _RETRACTION.search(words) is not None or _DOUBT.search(words) is not None


def _check_sentence(sentence: str, answer: str, numerals: set[str], known: set[str]) -> None:
    """It offers no other value, takes nothing back, and doubts nothing about the answer."""
    plain = _PLAIN_MATH.sub(r" \1 ", sentence).replace("$", " ").replace("*", " ")
    if "%" in answer or "percent" in answer:
        plain = _PERCENT.sub("", plain)
    if _says_the_same(plain, answer):
        return
    plain = _MONTH.sub("", _without_the_value(_THAT_IS.sub("", plain), answer))
    if match := _RETRACTION.search(plain):
        raise Nothing(f"{match[0]!r} after the answer")
    said = _numerals(plain)
    if not _FORMULA_ANSWER.search(answer):
        if match := _DOUBT.search(plain):
            raise Nothing(f"{match[0]!r} after the answer")
        if not said <= numerals:
            raise Nothing("another number after the answer")
        _check_words(plain, answer, known, bool(said) or (not numerals and unwrap(answer).lower() in plain.lower()))
        return
    words = _WORD.findall(plain)
    in_letters = any(
        in_words([word.lower()])[0] is not None and not _forms(word) & known and word.lower() != "one" for word in words
    )
    if not said <= numerals or in_letters or _FORMULA.search(plain):
        _check_numbers(sentence, plain, answer, said, numerals)
    elif (match := _DOUBT.search(plain)) and (_ABOUT_IT.search(plain) or len(words) <= 3):
        raise Nothing(f"{match[0]!r} after the answer")


def _check_numbers(sentence: str, plain: str, answer: str, said: set[str], numerals: set[str]) -> None:
    """A sentence with other numbers or formulas explains, compares or checks; it does not offer them.

    Args:
        sentence: as it stands.
        plain: the same without the marks of formulas.
        answer: the answer.
        said: the numerals in the sentence.
        numerals: those in the answer.
    """
    for claim in _CLAIM.finditer(plain):
        if not _numerals(claim["value"]) <= numerals:
            raise Nothing(f"another answer after it: {claim['value'].strip()}")
    if match := _SECOND.search(plain):
        raise Nothing(f"{match[0]!r} after the answer")
    again = bool(numerals) and numerals <= said
    others = said - numerals
    if (again and _CHECKS.search(sentence)) or _adds_up(said, answer) or _rounded(others, answer):
        return
    if _CONCLUDES.search(plain) and not again:
        raise Nothing("another conclusion after the answer")
    equation = plain.rpartition("=")
    if equation[1] and not _numerals(equation[2]) <= numerals and not _EXPLAINS.search(equation[2]):
        explained = not again and _EXPLAINS.search(sentence)
        if not explained:
            raise Nothing("another number after the answer")
        return
    if len(_WORD.findall(plain)) >= 4 and (again or _EXPLAINS.search(sentence)):
        return
    if others <= _numerals(" ".join(_ADJUNCT.findall(plain))) and said:
        return
    raise Nothing("another number after the answer")


def _adds_up(said: set[str], answer: str) -> bool:
    """Whether the numbers are the parts of the answer: 12 boys and 28 girls are 40 pupils."""
    value = _value_of(answer)
    return len(said) >= 2 and value is not None and sum(map(Fraction, said)) == value


def _rounded(others: set[str], answer: str) -> bool:
    """Whether the only other number is the answer rounded: about 6.7 for the root of 45."""
    if len(others) != 1:
        return False
    value, said = _value_of(answer), Fraction(next(iter(others)))
    return value is not None and value.denominator != 1 and abs(said - value) <= abs(value) / 50


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
