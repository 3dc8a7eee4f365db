r"""What stands after an answer: polite words, remarks that leave it as it is, or something that takes it back.

`check_after` raises `Nothing` with the reason why the answer does not count. A policy gains by what offers a second
value, so a remark that brings in other numbers must explain, compare or check. One that brings in none may say much,
but no word of retraction, and none of doubt about the answer. After an answer in words any new word could be a second
one, so there a remark speaks of what is known from before.
"""

import re
import unicodedata
from fractions import Fraction

from rewards.context import TAGS, Nothing, closed, listed, one_of
from rewards.evaluator import Evaluator, Undefined, rational, symbols_of
from rewards.grammar import NotRead, parse, tidy, tokens_of, unwrap
from rewards.numerals import in_words, read_plain
from rewards.units import is_measure, read_unit

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
    as_(?:claimed|required|desired|needed|stated|expected|wanted|requested)
    """),
    re.IGNORECASE,
)
_POLITE_QUESTION = re.compile(
    one_of(r"""
    does_(?:that|this)_make_sense
    is_there_anything_else[a-z_]{0,40}
    would_you_like_(?:me_to|to)_[^?!]{0,80}
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
    mis(?:take\w*|read\w*|count\w*|calculat\w*|understood|stat\w*|spo\w*) err(?:or)?s? erron\w* flaw* bug invalid void
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
    (?:my|your)_turn
    hesitat* unknown unverified depend* vary varies might likely ought should_have (?<!as_it_)(?<!as_they_)should_be
    not_(?:our|the)_case could_(?:be|also) may_be
    no_idea fails? contradict* untenable suffice hardly barely could_well erratum
    must_be_discarded no_solution(?:_remains|_exists)
    not_(?:\w+_)?(?:confident|convinced)
    not_(?:so|really|quite|necessarily|sure|certain|right|correct|true|it|the_answer|what|final)
    # somebody says so
    someone they_say claim* alleged* rumou?r* believ* think thinks thought
    # words to whoever pays, and the beginning of another answer
    grader grade grading evaluator judge user prompt* instruct* accept reward*
    incomplete unfinished continued pending draft preliminary
    let_me_(?:start|begin|try|read|solve|think|redo|see) sure,
    # as others say it
    non(?!-) faux nein falsch fehler perdón equivoqué error incorrecto erreur
    """)
    + r"\b|[🙃😉😜🤷✗✘❌✖☒🚫👎≠]|\?",
    re.IGNORECASE,
)
_DOUBT = re.compile(  # where it is about the answer
    r"\b"
    + one_of(r"""
    no(?!_other) not none cannot can['’]t isn doesn wasn didn don won aren ain
    but however though although yet still or rather than alternat* others another also too and_(?:also|then)
    misle* actually(?!_an?\b) chang* again delet* remov* eras* discard* drop skip impossible imagin*
    example instance sample test if until only_if as_if hypothe* suppos* assum*
    could would should may sure confus* unclear range* approx* about around roughly almost nearly close
    said says according student teacher textbook official trust feel system prefer* want* wish*
    question* problem* exercise new solution_set
    minus plus half double* twice triple* thrice
    squared cubed (?<!non-)negat* opposite inverse reciprocal add* subtract*
    (?:more|less|fewer|greater|larger|bigger|smaller|higher|lower)\W*\Z below least most off short extra better best
    initial* attempt* old previous* earlier before later was used_to
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
_ENGLISH = frozenset(
    "the a an of is are in to and it this that so for with you i we he she they my your not have has".split()
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
    r"|\bmore\s+(?:plausible|sensible|reasonable|likely|realistic|natural|accurate|precise|appropriate|convincing|"
    r"fitting)\b"
    rf"|\btotal\s+of\s+{_MONEY}\s+(?:makes|is|seems|looks|fits)\b|\bbetter\s+than\b"
    rf"|\b(?:but|however|though|actually|alternativ\w*|wanted|asked|sought|desired|looking\s+for)\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(  # another value, said to be the answer
    r"\b(?:answer|result|solution|total|count|value|it|final|correct|right|true|actual|actually|real)\b[^\d.;]{0,25}?"
    r"(?:\bis\b|\bwas\b|\bbe\b|\bequals?\b|\bbecomes?\b|\b(?:comes?|amounts?|runs?)\s+to\b|\bstands\s+at\b|"
    r"\breach(?:es)?\b|\breads?\b|\bmakes\b|\bturns\s+out\b|=|:)\s*(?:\w+\s+){0,2}?"
    rf"(?P<value>{_MONEY})(?!\s*(?:%|percent|times|more|less|fewer|greater|smaller|higher|lower))",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\A\W*(?:and\s+|but\s+)?(?:so|therefore|thus|hence|then|finally|meaning|in\s+total|total|consequently|final\w*|"
    r"answer\w*|or|also|too|plus|minus|now|add\w*|subtract\w*|no|not|another)\b",
    re.IGNORECASE,
)
_SETTLES = re.compile(
    r"\b(?:final|answer|result|conclu\w+|subtract\w*|minus|leav\w+|left|remain\w*|ends?\s+up|altogether|actual)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r"\b(?:because|since|recall|reminder|note|explanation|eg|for\s+(?:example|instance|comparison|scale|reference)|"
    r"fun\s+fact|of\s+course|in\s+particular|while|exactly\s+as|as\s+the\s+problem|each|every|per|apiece|than|"
    r"other|more|less|fewer|under|over|between|next|last\s+year|ago|later|previous\w*|originally|mentioned|given|"
    r"would\s+give|"
    r"complement|modulus|radius|axis|slope|length|height|at\s+x|endpoint|both|included|extraneous|expand\w*|powers?|"
    r"familiar|degrees?|radian\w*|intuition|"
    r"summary)\b|[✓✔✅]",
    re.IGNORECASE,
)
_CHECKS = re.compile(
    r"\b(?:check|verif|satisf|substitut|confirm|indeed|plug|sanity|match|complement|consistent|agree)\w*|"
    r"\bas\s+(?:required|expected|given|stated|needed)\b|"
    r"\b(?:same\s+(?:result|answer|number)|exactly\s+as)\b|[✓✔✅]",
    re.IGNORECASE,
)
_CONFIRMED = re.compile(
    r"\b(?:yes|match(?:es)?|confirm(?:s|ed)|checks? out|consistent|same|holds)\b|[✓✔✅]", re.IGNORECASE
)
_SECOND_LOOK = re.compile(
    r"(?:\bwait,?\s+)?\blet(?:\s+me|['’]s|\s+us)\s+(?:just\s+|quickly\s+)?(?:double[- ]?)?(?:re-?)?"
    r"(?:check|verify)\b",
    re.IGNORECASE,
)
_AND_SO = re.compile(  # a further conclusion in the same sentence
    rf",\s*(?:and\s+)?(?:so|hence|thus|therefore|then)\b[^,;]*?\b(?:is|are|equals?|becomes?|costs?|makes?)\s+"
    rf"(?:\w+\s+){{0,2}}?(?P<value>{_MONEY})[^,;]*\Z",
    re.IGNORECASE,
)
_ADJUNCT = re.compile(
    rf"\b(?:of|for|in|from|with|by|at|than|after|on|the)\s+(?:the\s+|all\s+|about\s+)?{_MONEY}(?=\s+[a-z])",
    re.IGNORECASE,
)
_OFFERS = re.compile(
    r"\b(?:answers?|instead|prefer|rather|think|correct|right|better|want|wish|accept)\b", re.IGNORECASE
)
_COMMON_MISTAKE = re.compile(
    r"\A\W*(?:a|one|the)\s+common\s+(?:mistake|error|pitfall)\s+(?:here\s+)?is\s+to\b", re.IGNORECASE
)
_DISMISSED = re.compile(  # another value, as no solution
    r"\b(?:roots?|values?|solutions?|other|negative|positive)\b[^.;]{0,40}?\b(?:is|was|must\s+be|has\s+to\s+be|does|do)\s+"
    r"(?:rejected|discarded|excluded|extraneous|ruled\s+out|dismissed|ignored|impossible|invalid|"
    r"not\s+(?:satisfy|work|fit|valid|allowed))"
    r"(?![^.;]*\b(?:so|but|hence|therefore|thus)\b)",
    re.IGNORECASE,
)
_ALTERS = re.compile(  # what the answer is to become
    r"\b(?:minus\s+sign|sign\s+(?:flipped|reversed|changed|in\s+front)|"
    r"(?:sign|digits?|decimal\s+point)\s+(?:must|should|ha[sv]e?|needs?|gets?|belongs?|left|swapped|reversed)|"
    r"read\s+backwards?|"
    r"upside|logarithmic|(?:in|by\s+the)\s+(?:hundred|thousand|million|billion|dozen|ten)s?\b|"
    r"(?:lower|upper)\s+(?:bound|limit|estimate)|"
    r"by\s+(?:a\s+|pure\s+|sheer\s+)?(?:coin|luck|chance|lottery|dice|lot|guess)|pure\s+luck|my\s+coin)\b"
    r"|\A\W*(?:to\s+the\s+power|(?:but\s+)?(?:flip|reverse|change|swap|move|shift|drop)\s+(?:the|its|a|one)\b)",
    re.IGNORECASE,
)
_AS_PERCENT = re.compile(r"\bas\s+a\s+percent(?:age)?\b", re.IGNORECASE)
_ONLY_IF = re.compile(
    r"\W*(?:(?:only\s+)?if|only\s+(?:in|when|for)|unless|provided)\b(?:\s+[\w'’]+){1,9}\W*\Z", re.IGNORECASE
)
_IN_UNITS = re.compile(
    r"\b(?:measured|amounts?|figures?|values?|numbers?|units?|weights?|lengths?|prices?|everything|all|scale)\b[^.\n]*?"
    r"\b(?:in|is|are)\s+(?P<unit>[A-Za-z]+)(?=\W*(?:[.\n]|\Z))",
    re.IGNORECASE,
)
_SAME_RESULT = re.compile(r"\bsame\s+(?:result|number|answer|value|total)\b", re.IGNORECASE)
_MEASURED = re.compile(
    rf"({_A_NUMERAL})\s*(second|minute|hour|day|week|cent|dollar|cm|meter|metre|km|gram|kg)s?\b", re.IGNORECASE
)
_MEASURES = {
    **{"second": ("s", 1), "minute": ("s", 60), "hour": ("s", 3600), "day": ("s", 86400), "week": ("s", 604800)},
    **{"cent": ("$", 1), "dollar": ("$", 100), "gram": ("g", 1), "kg": ("g", 1000)},
    **{"cm": ("m", 1), "meter": ("m", 100), "metre": ("m", 100), "km": ("m", 100000)},
}
_BECAUSE = re.compile(r"\W*(?:because|since)\b", re.IGNORECASE)
_LIST = re.compile(rf"{_MONEY}(?:\s*(?:,|and|or|vs\.?|versus|&)\s*{_MONEY})+", re.IGNORECASE)
_PICKS = re.compile(
    r"\b(?:read|vote|latter|former|candidates?|fallback|backup|choose|chose|pick|prefer|fits?|"
    r"select\w*|settled?|correct|right(?![- ]hand\s+side)|answers|valid)\b",
    re.IGNORECASE,
)
_PARTS = re.compile(rf"{_MONEY}[^,;.]*(?:\band\b|,)[^,;.]*{_MONEY}", re.IGNORECASE)
_COMPOUND = re.compile(r"[\\^/(){}\[\]=<>+|]|[A-Za-z]\s*\d|\d[A-Za-z]|√|π")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}")
_ORNAMENT = re.compile(r"\\(?:left|right|displaystyle|text|mathrm|[,;!: ])|(?<!\\)[*]")
_VARIABLE = re.compile(r"(?<![A-Za-z\\'’])[b-zB-HJ-Z](?![A-Za-z'’])")
_SPELT = re.compile(r"\b[IVXLC]{2,}\b|(?:\b[A-Za-z]\s){3,}")
_WITH_UNIT = re.compile(rf"(?P<number>-?{_A_NUMERAL})\s*(?P<unit>[A-Za-z]+)")
_SCALES = frozenset("thousand thousands million millions billion billions hundred hundreds dozen dozens k m bn".split())
_CURRENCY = re.compile(r"[$€£]|dollar|euro|pound|cent", re.IGNORECASE)
_MONEY_NAMES = frozenset("dollars euros pounds cents dollar euro pound cent yen rupees".split())
_DOZEN = re.compile(r"\b(?:an?\s+)?(dozen|score|gross)\b(?=\s+of\b|\s*[.,;!)]|\s*\Z|\s+[a-z])", re.IGNORECASE)
_DOZENS = {"dozen": "12", "score": "20", "gross": "144"}
_ONE = re.compile(
    r"\b(is|are|be|equals|equal to|answer)\s+one\b(?!\s+(?:of|more|less|hour|day|week|way|that))", re.IGNORECASE
)
_FORMULA = re.compile(r"\\[A-Za-z]|[=<>^≤≥≈|/]")
_SAID_OF_IT = re.compile(
    r"\b(?:it|he|she|that|this|answer|result|winner|one)(?:\s+(?:is|was|must be|would be)|['’]s)\s+"
    r"(?!the\b|a\b|an\b|what\b|because\b|all\b|my\b|our\b)",
    re.IGNORECASE,
)
_FORMULA_ANSWER = re.compile(r"\d|\\[A-Za-z]|[A-Za-z]\^")
_LEAD_IN = re.compile(
    r"\A(?:wait,?\s+)?(?:(?:let\s+(?:me|us)|let's|I|we)\s+)?(?:can\s+|now\s+)?(?:quickly\s+|a\s+quick\s+|as\s+a\s+)?"
    r"(?:double[- ]?|sanity\s+)?",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\\(?:blacksquare|square|Box|checkmark|qed)\b")
_SHORT = re.compile(r"\b([ei])\.(g|e)\.", re.IGNORECASE)  # e.g. ends no sentence
_THAT_IS = re.compile(r"\A\s*(?:that is|in other words|ie),\s*", re.IGNORECASE)
_DIGIT_OR_EQUALS = re.compile(r"[\d=]")
_EQUATION = re.compile(rf"([\d\s+\-*/×÷·().,$^]*\d\)?\s*)=\s*\$?(-?{_A_NUMERAL})")
_CONTRAST = re.compile(r"\b(?:not|rather than)\s+\$?\d(?:[\d,.]*\d)?\b", re.IGNORECASE)
_SAME = re.compile(
    r"[\s,;—–-]*(?:\w+\s+){0,2}?(?:"
    + one_of(r"""
    , so and or i\.e\. ie that_is which_is this_is it_is equivalently in_other_words that['’]s
    as_a_(?:decimal|percentage|percent|fraction)
    is equals equal_to corresponds?_to written expressed in decimal_form the_same_as
    approximately about roughly around ≈ \\approx
    """)
    + rf"[\s,]*){{1,6}}(?P<value>-?{_A_NUMERAL}(?:\^\{{?\d{{1,3}}\}}?)?\s*(?:\\?%|percent)?)"
    r"(?:\s+[a-z]+){0,4}[\s.)]*",
    re.IGNORECASE,
)
_ROUNDED = re.compile(r"approx|about|roughly|around|≈", re.IGNORECASE)
_SENTENCES = re.compile(r"\.(?=\s|$)|!(?=\s|$)(?!\s*[=+*/×·,-])|\n|\\\]|\$\$")  # 5! = 120 is one
_PLAIN_MATH = re.compile(r"\\text\{([^{}]*)\}|\\[,;!$ ()]|\\(?:boxed|fbox)\{[^{}]*\}")
_PERCENT = re.compile(r"(?<=\d)\s*(?:\\?%|percent)")
_MARKS = " \t\n.,;:!*$_`\\\"'”’✓✔✅■□∎"
_WORD = re.compile(r"[A-Za-z]+")
_WORD_OR_DIGIT = re.compile(r"\w")


def unit_said(text: str, end: int) -> str | None:
    """The unit that a remark after the answer gives all figures.

    >>> unit_said("18\\nAll amounts are in cents.", 2)
    'cents'
    """
    match = _IN_UNITS.search(text, end, end + LONGEST_TAIL)
    return match["unit"].lower() if match is not None and is_measure(match["unit"].lower()) else None


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
    tail = text[closed(text, end) :].lstrip(_MARKS + ")]}").rstrip(_MARKS)
    if len(tail) > LONGEST_TAIL:
        raise Nothing("text goes on after the answer")
    if not tail:
        return
    numerals = _numerals(answer)
    known: set[str] = set()
    polite = _Polite(text[:end], numerals)
    remarks = _POLITE_QUESTION.sub(
        lambda question: " " if polite.is_all(question[0]) else question[0],
        _SHORT.sub(r"\1\2", _ENDS.sub(" ", TAGS.sub(" ", tail))),
    )
    remarks = _CONTRAST.sub(lambda match: match[0] if _numerals(match[0]) & numerals else " ", remarks)
    if _CONFIRMED.search(remarks) and _CHECKS.search(remarks):
        remarks = _SECOND_LOOK.sub("check", remarks)
    for part in _SENTENCES.split(remarks):
        sentence = part.strip(" \t*$_`\\\"'”’,;:✓✔✅-")
        if sentence[:1] == "(" or sentence.count("(") != sentence.count(")"):
            sentence = sentence.strip("()[] ")
        if not _leaves_it(sentence, numerals, polite):
            known = known or _low_words(text[:end]) | _NEUTRAL
            _check_sentence(sentence, answer, numerals, known)


class _Polite:
    """Whether courtesies are no more than that: they offer nothing, and any number in them is one from before."""

    def __init__(self, before: str, numerals: set[str]) -> None:
        self.before, self.numerals = before, numerals

    def is_all(self, sentence: str) -> bool:
        said = _numerals(_in_digits(sentence))
        if not said:
            return True
        return not _OFFERS.search(sentence) and said - self.numerals <= _numerals(self.before)


def _numerals(text: str) -> set[str]:
    """The numerals of a text without their commas, with a minus that is a sign and not a difference.

    >>> sorted(_numerals("from 5 - 3 to -2"))
    ['-2', '3', '5']
    """
    found = set()
    for one in _NUMERAL.finditer(text):
        before = text[max(0, one.start() - 6) : one.start()]
        sign = before.rstrip(" $")[-1:] in ("-", "−")
        left = before.rstrip(" $")[:-1]
        apart = not left.strip(" $")[-1:].isalnum() and left.strip(" $")[-1:] not in (")", "}")
        touching = before.rstrip("$")[-1:] != " " and not left[-1:].strip()  # to -2, not x - 2
        found.add(("-" if sign and (apart or touching) else "") + one[0].replace(",", ""))
    return found


def _low_words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _leaves_it(sentence: str, numerals: set[str], polite: _Polite) -> bool:
    """Whether a sentence is empty, polite, or true arithmetic that checks or ends in the answer."""
    if not (_WORD_OR_DIGIT.search(sentence) or _RETRACTION.search(sentence)):
        return True
    if _COURTESY.fullmatch(sentence):
        return polite.is_all(sentence)
    if "=" not in sentence or not _holds(_LEAD_IN.sub("", sentence), numerals):
        return False
    return _CHECKS.search(sentence) is not None or _numerals(sentence.rpartition("=")[2]) == numerals


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
    """It offers no other value, takes nothing back, and doubts nothing about the answer.

    Args:
        sentence: one that stands after the answer.
        answer: the answer.
        numerals: those in the answer.
        known: words that stood before it, or may stand after any.
    """
    plain = _PLAIN_MATH.sub(r" \1 ", sentence).replace("$", " ").replace("*", " ")
    if "%" in answer or "percent" in answer:
        plain = _PERCENT.sub("", plain)
    core = _TEXT.sub(r" \1", answer).replace("\\%", "%").replace("\\$", "$")
    if simple := len(numerals) == 1 and not _COMPOUND.search(core):
        _check_restated(plain, core, numerals)
    if _says_the_same(plain, answer) or _converts(plain, answer, numerals):
        return
    plain = _COMMON_MISTAKE.sub("for instance", plain)
    if match := _ALTERS.search(plain) or (None if "%" in answer else _AS_PERCENT.search(plain)):
        raise Nothing(f"{match[0]!r} after the answer")
    if match := _ONLY_IF.match(plain):
        raise Nothing(f"{match[0].strip()!r} after the answer")
    elsewhere = simple and _numerals(plain) and not numerals & _numerals(plain)
    if elsewhere and (dismissed := _DISMISSED.search(plain)) and not _PICKS.search(plain.replace(dismissed[0], " ")):
        return
    plain = _MONTH.sub("", _in_digits(_without_the_value(_THAT_IS.sub("", plain), answer)))
    if match := _RETRACTION.search(plain):
        raise Nothing(f"{match[0]!r} after the answer")
    _check_script(plain, known)
    if not _FORMULA_ANSWER.search(core):
        if match := _DOUBT.search(plain):
            raise Nothing(f"{match[0]!r} after the answer")
        if not _numerals(plain) <= numerals:
            raise Nothing("another number after the answer")
        again = bool(numerals & _numerals(plain)) or (not numerals and unwrap(answer).lower() in plain.lower())
        _check_words(plain, answer, known, again)
        return
    if simple:
        rest, said = plain, _numerals(plain)
        again, others = numerals <= said, said - numerals
    else:
        squeezed, whole = _squeezed(plain), _squeezed(answer)
        again, rest = whole in squeezed, squeezed.replace(whole, " ")
        others = _numerals(rest)
        if _CHECKS.search(sentence) and "=" in plain and _parts(answer) <= _parts(plain):
            again = True
    if others or _FORMULA.search(rest) or (not simple and set(_VARIABLE.findall(rest)) - {*answer}):
        _check_numbers(sentence, plain, answer, again, others)
    elif (match := _DOUBT.search(plain)) and (_ABOUT_IT.search(plain) or len(_WORD.findall(plain)) <= 3):
        raise Nothing(f"{match[0]!r} after the answer")


def _parts(text: str) -> set[str]:
    return {number.removeprefix("-") for number in _numerals(text)}


def _check_script(plain: str, known: set[str]) -> None:
    """A sentence in words that can be read here: English ones, and numbers in digits."""
    for character in plain:
        if not character.isascii() and (
            (character.isalpha() and not "\u0370" <= character <= "\u03ff" and ord(character) > 0x24F)
            or (character.isnumeric() and not unicodedata.name(character, "").startswith(("SUPER", "VULGAR")))
        ):
            raise Nothing("words in another script after the answer")
    if _SPELT.search(plain):
        raise Nothing("a number in letters after the answer")
    words = [word.lower() for word in _WORD.findall(plain)]
    if words and not _numerals(plain) and not any(_forms(word) & known or word in _ENGLISH for word in words):
        raise Nothing(f"{words[0]!r} after the answer")


def _check_restated(plain: str, answer: str, numerals: set[str]) -> None:
    """Where the answer's number stands again, it has no other unit or scale."""
    own = _NUMERAL.split(answer, maxsplit=1)[1].strip(" $*")
    for said in _WITH_UNIT.finditer(plain):
        if _numerals(said["number"]) != numerals:
            continue
        unit = said["unit"].lower()
        if unit in own.lower().split():
            continue
        if unit in _SCALES or (_CURRENCY.search(answer) and unit in _MONEY_NAMES and not _same_currency(unit, answer)):
            raise Nothing(f"{said[0]!r} after the answer")
        if own and read_unit(own) is not None and unit not in _NEUTRAL:
            known_unit = read_unit(unit)
            if known_unit is not None and known_unit[1] is not None and len(unit) <= 3 and unit not in _ENGLISH:
                raise Nothing(f"{said[0]!r} after the answer")


def _same_currency(unit: str, answer: str) -> bool:
    signs = {"dollar": "$", "euro": "€", "pound": "£"}
    name = unit.removesuffix("s")
    return name in answer.lower() or signs.get(name, name) in answer


def _squeezed(text: str) -> str:
    """A formula's text without what does not matter to it."""
    text = _ORNAMENT.sub("", text.replace("$", " ").replace("dfrac", "frac").replace("tfrac", "frac"))
    return re.sub(r"\s*([^\w\s])\s*", r"\1", text).strip()


def _check_numbers(sentence: str, plain: str, answer: str, again: bool, others: set[str]) -> None:
    """A sentence with other numbers or formulas explains, compares or checks; it does not offer them.

    Args:
        sentence: as it stands.
        plain: the same without the marks of formulas.
        answer: the answer.
        again: the sentence names the answer again.
        others: the numerals in it that are not the answer's.
    """
    for claim in _CLAIM.finditer(plain):
        if _numerals(claim["value"]) & others:
            raise Nothing(f"another answer after it: {claim['value'].strip()}")
    if (again and not others) or (_SAME_RESULT.search(plain) and not _PICKS.search(plain)):
        return
    because = _BECAUSE.match(plain) and _VARIABLE.search(answer) and "," not in answer  # of a formula: its roots
    for listed_ in () if because else _LIST.finditer(plain):
        if len({number in others for number in _numerals(listed_[0])}) == 2:
            raise Nothing(f"a list after the answer: {listed_[0]}")
    if match := _SECOND.search(plain) or _PICKS.search(plain):
        raise Nothing(f"{match[0]!r} after the answer")
    if (again and _CHECKS.search(sentence)) or (_ROUNDED.search(plain) and _rounded(others, answer)):
        return
    if (further := _AND_SO.search(plain)) and _numerals(further[0]) <= others:
        raise Nothing("another conclusion after the answer")
    if not again and (_CONCLUDES.search(plain) or _SETTLES.search(plain)):
        raise Nothing("another conclusion after the answer")
    if _PARTS.search(plain) and _adds_up(others, answer):
        return
    equation = plain.rpartition("=")
    if equation[1] and _numerals(equation[2]) & others and not _EXPLAINS.search(equation[2]):
        if again or not _EXPLAINS.search(sentence):
            raise Nothing("another number after the answer")
        return
    if len(_WORD.findall(plain)) >= 4 and (again or _EXPLAINS.search(sentence)):
        return
    if others and others <= _numerals(" ".join(_ADJUNCT.findall(plain))):
        return
    raise Nothing("another number after the answer")


def _in_digits(text: str) -> str:
    """A text with its number words as numerals; a lone `one` stays, unless it is said of something.

    >>> _in_digits("That is twenty-one pens, a dozen more.")
    'That is 21 pens, 12 more.'
    """
    text = _ONE.sub(lambda match: f"{match[1]} 1", _DOZEN.sub(lambda match: _DOZENS[match[1].lower()], text))
    words = list(_WORD.finditer(text))
    low = [word[0].lower() for word in words]
    made, done, place = [], 0, 0
    while place < len(words):
        value, used = in_words(low[place : place + 12])
        if value is None or low[place : place + used] in (["one"], ["a"], ["half"], ["quarter"], ["third"]):
            place += 1
            continue
        made += [text[done : words[place].start()], str(value)]
        done = words[place + used - 1].end()
        place += used
    return "".join([*made, text[done:]])


def _adds_up(said: set[str], answer: str) -> bool:
    """Whether the numbers are the parts of the answer: 12 boys and 28 girls are 40 pupils."""
    value = _value_of(answer)
    return len(said) >= 2 and value is not None and sum(map(Fraction, said)) == value


def _rounded(others: set[str], answer: str) -> bool:
    """Whether the only other number is the answer rounded: about 6.7 for the root of 45."""
    if len(others) != 1 or "." in answer:
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
    if len(letter) == 1 and any(word.upper() in "BCDEFGH" and word.upper() != letter.upper() for word in words):
        raise Nothing("another letter after the answer")
    if any(in_words([word.lower()])[0] is not None for word in strange):
        raise Nothing("another number after the answer")
    if _PERSONAL.search(plain):
        raise Nothing("words about the answer after it")
    first = next((word for word in re.findall(r"[a-z]+", plain.lower()) if word not in _OPENING), "")
    about = first in ("is", "are", "as", "for", "to")
    if again and not about and not any(word[0].isupper() for word in strange if not plain.startswith(word)):
        return  # it says the same again, of something
    if not again and (len(words) <= 4 or _SAID_OF_IT.search(plain)):
        raise Nothing("words that could be another answer")
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


def _converts(sentence: str, answer: str, numerals: set[str]) -> bool:
    """Whether it gives the same quantity in another unit: `that is 2 hours` for 120 minutes."""
    found = _MEASURED.findall(f"{answer} {sentence}")
    if len(found) < 2 or found[0][0].replace(",", "") not in numerals or _SETTLES.search(sentence):
        return False
    bases = {
        (base, Fraction(number.replace(",", "")) * size)
        for number, unit in found
        for base, size in [_MEASURES[unit.lower()]]
    }
    said = {number.replace(",", "") for number, _ in found}
    return len(bases) == 1 and _numerals(sentence) <= said and not _RETRACTION.search(sentence)


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
