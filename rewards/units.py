"""What may stand beside a number: units, currencies, counted nouns; and the words that change the number instead.

`18 pens` is 18. `18 million` is not, `18 minus 2` is not, and `18 or so` is no answer: what is not known to leave the
number as it is makes the whole unreadable.
"""

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit (`name` is a symbol of its own: `km/hour`), or a counted noun with the words before it."""

    name: str
    words: frozenset[str] = frozenset()


# canonical name: what it is also called. Single letters count only where `spaced` or in \text{...}.
_TABLE = """
m: meter meters metre metres
cm: centimeter centimeters centimetre centimetres
mm: millimeter millimeters millimetre millimetres
km: kilometer kilometers kilometre kilometres
inch: in inches
foot: ft feet
yard: yd yds yards
mile: mi miles
g: gram grams gramme grammes
kg: kilogram kilograms kilo kilos
mg: milligram milligrams
tonne: tonnes ton tons
pound: lb lbs pounds
ounce: oz ounces
liter: L l liters litre litres
ml: mL milliliter milliliters millilitre millilitres
gallon: gal gallons
quart: qt quarts
pint: pints
cup: cups
tablespoon: tbsp tablespoons
teaspoon: tsp teaspoons
second: s sec secs seconds
minute: min mins minutes
hour: h hr hrs hours
day: days
week: weeks
month: months
year: yr yrs years
degree: deg degs degrees
radian: rad rads radians
celsius: degC °C
fahrenheit: degF °F
kelvin: K kelvins
mph: MPH
kph: kmh kmph
rpm: RPM
newton: N newtons
kN: kilonewton kilonewtons
joule: J joules
kJ: kilojoule kilojoules
MJ: megajoule megajoules
watt: W watts
kW: kilowatt kilowatts
kWh: kilowatt-hours
volt: V volts
ampere: A amp amps amperes
mA: milliampere milliamperes milliamp milliamps
ohm: Ω ohms
kohm: kΩ kilohm kilohms kiloohm kiloohms
hertz: Hz
pascal: Pa pascals
kPa: kilopascal kilopascals
mol: mole moles
atm: atmosphere atmospheres
psi:
bar: bars
acre: acres
hectare: ha hectares
kcal: kilocalorie kilocalories
calorie: cal calories
eV:
coulomb: C coulombs
farad: F farads
tesla: T
weber: Wb
nm: nanometer nanometers
micrometer: micrometers μm um
ms: millisecond milliseconds
MHz:
kHz:
GB:
MB:
unit: units
point: pts points
dollar: $ dollars USD usd US$ bucks
cent: cents ¢
euro: € euros EUR eur
pound_sterling: £ GBP gbp
yen: ¥ JPY yens
rupee: ₹ Rs rupees INR
person: people persons
child: children
man: men
woman: women
mouse: mice
tooth: teeth
goose: geese
fish: fishes
sheep: sheep
deer: deer
ox: oxen
"""
_UNITS: dict[str, str] = {}
for _line in _TABLE.strip().splitlines():
    _name, _, _others = _line.partition(":")
    _UNITS |= dict.fromkeys([_name, *_others.split()], _name)
CANONICAL = frozenset(_UNITS.values())
_EQUIVALENT = {"mile/hour": "mph", "km/hour": "kph", "pound sterling": "pound_sterling"}
CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound_sterling", "¥": "yen", "₹": "rupee"}

SCALES = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
    "hundreds": 0, "thousands": 0, "millions": 0, "billions": 0, "trillions": 0, "dozens": 0,
}  # fmt: skip

# Words that change a number, take it back, or offer another one: with one of them a text is no single answer.
_OPERATIONS = """
    minus plus plusminus plus-minus minuses plusses times multiplied divided by mod modulo factorial factorials power
    powers exponent exponents base inverse inverses reciprocal reciprocals complement opposite opposites negative
    negatives positives squared cubed square cube root roots sqrts radicals conjugates logs logarithms sines cosines
    tangents choose add added add subtract subtracted double doubled doubles triple triples changes change multiples
    digit digits decimal decimals places figures off short extra additional excluding including with without equals
    equal ratio ratios fraction fractions parts"""
_SCALE_WORDS = """
    hundred thousand million billion trillion dozen hundreds thousands millions billions trillions dozens tens score
    scores gross grosses myriad myriads lakh lakhs lacs crore crores arabs googol googols k bn mn tn mil mio mrd mill
    bil thou grand zillions percent percents pct pcts percentages permils permilles promilles bps pips pair pairs couple
    couples half halves third thirds quarter quarters nths infinity infinities"""
_NUMBER_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety zeros ones twos threes fours fives sixes
    sevens eights nines elevens twelves thirteens fourteens fifteens sixteens seventeens eighteens nineteens twenties
    thirties forties fifties sixties seventies eighties nineties"""
_DOUBT_WORDS = """
    and or not no nor but either neither maybe perhaps possibly probably likely about around approximately roughly
    nearly almost at least most less more fewer than over under above below between through vs versus ish odd somewhere
    something anything whatever any some other another options option choices guess guesses guessed unsure unknown might
    may could would should can cannot if unless when then else except exclusive inclusive only"""
_RETRACTION_WORDS = """
    wrong incorrect false mistaken error errors instead actually rather wait never hmm oops sorry correction scratch
    missing always yes thus regardless nonetheless otherwise besides alas sometimes ago later before after early late"""
_FUNCTION_WORDS = """
    is was as its this that to what which who why how where answer answers basis ours yours theirs towards afterwards
    backwards whereas"""
BLOCKED = frozenset(
    f"{_OPERATIONS} {_SCALE_WORDS} {_NUMBER_WORDS} {_DOUBT_WORDS} {_RETRACTION_WORDS} {_FUNCTION_WORDS}".split()
)
_NO_ORDINALS = frozenset("months paths baths moths deaths births youths myths cloths mouths".split())
# Words that a unit may have before it and stay itself; light years and Canadian dollars are other units.
_BEFORE_UNITS = frozenset("full whole total us".split())
_COUNTED = frozenset("person child man woman mouse tooth goose fish sheep deer ox point unit".split())


def changes_number(word: str) -> bool:
    """Whether a word makes another number of the one before it, or takes it back."""
    return (
        word in BLOCKED
        or (word.endswith(("ths", "th")) and word not in _NO_ORDINALS and len(word) > 4 and word != "month")
        or word.endswith(("illion", "illions", "illionth", "illionths"))
    )


_PLAIN_S = frozenset("gas bus class glass mass loss grass dress boss cross guess process access success".split())
# What may follow the noun and leaves the number alone.
TAIL = re.compile(
    r"\s+(?:in total|in all|total|altogether|left|remaining|left over|each|apiece|old|tall|long|wide|high|deep|away|"
    r"of (?:the )?(?P<of>[a-z]+(?: [a-z]+)?))\Z"
)
_RATE = re.compile(r"\s*/\s*|\s+(?:per|a|an|every|each)\s+")
# Thousand, trillion, ... unless \\text{} or the other side says that it is a unit.
_MAYBE_SCALES = frozenset("KTMBCF")
_DOUBTFUL = "?"
_CIRCLE = re.compile(r"\s*\^\s*(?:\\circ|\{\s*\\circ\s*\})\s*")
_TEMPERATURE = re.compile(_CIRCLE.pattern + r"([CF])(?![A-Za-z])")


_TEXT = re.compile(r"\\(?:text|textrm|mathrm|mbox|textbf|textit|rm)\s*\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}")


def singular(noun: str) -> str:
    """A plural noun's stem, good enough to compare two of them.

    >>> singular("boxes"), singular("berries"), singular("pens")
    ('box', 'berry', 'pen')
    """
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("xes", "ches", "shes", "sses", "zes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and noun not in _PLAIN_S else noun


def is_measure(word: str) -> bool:
    """Whether a word names a unit of measurement or money, and not just anything that can be counted.

    >>> is_measure("cents"), is_measure("eggs")
    (True, False)
    """
    return len(word) > 1 and _symbol(word) is not None


def only_counts(unit: Unit) -> bool:
    """Whether a unit says what was counted, and measures nothing: 5 pens are 5, 5 kg are not.

    >>> only_counts(Unit("pen")), only_counts(Unit("kg")), only_counts(Unit("dollar/hour"))
    (True, False, False)
    """
    return unit.name in _COUNTED or not (unit.name in _UNITS or {*"/*^"} & {*unit.name} or unit.name in _EQUIVALENT)


def read_unit(text: str, spaced: bool = True) -> tuple[Fraction, Unit | None] | None:
    """What a phrase after a number does to it: a factor (percent, million) and the unit; None where it is no unit.

    Args:
        text: the phrase, tidy.
        spaced: whether a space or \\text{} separates it from the number; without one, `5m` may mean 5 times m.

    >>> read_unit("red apples")
    (Fraction(1, 1), Unit(name='apple', words=frozenset({'red'})))
    >>> read_unit("million dollars")
    (Fraction(1000000, 1), Unit(name='dollar', words=frozenset()))
    >>> read_unit("or so") is None
    True
    """
    if text in _MAYBE_SCALES:
        return (Fraction(1), Unit(_UNITS[text], frozenset([_DOUBTFUL]))) if text in _UNITS else None
    text = _TEXT.sub(r"\1", _FRACTION.sub(r"(\1)/(\2)", _TEXT.sub(r" \1", text)))
    text = text.replace("\\Omega", "Ω").replace("\\mu ", "μ").replace("\\mu", "μ")
    text = " ".join(text.replace("\\%", "%").replace("\\$", "$").replace("\\cdot", "·").split())
    if len(text) > 80:
        return None
    text = _TEMPERATURE.sub(lambda match: " celsius" if match[1] == "C" else " fahrenheit", text).strip()
    if text.startswith("^"):
        text = _CIRCLE.sub("degree ", text, count=1).strip()
    factor = Fraction(1)
    while text:
        first, _, rest = text.partition(" ")
        if first in ("%", "percent", "pct"):
            text, factor = rest, factor / 100
        elif text.startswith("%"):
            text, factor = text[1:], factor / 100
        elif text.startswith("per cent"):
            text, factor = text[8:].strip(), factor / 100
        elif SCALES.get(first.lower()) and spaced and factor.denominator == 1:
            text, factor = rest, factor * SCALES[first.lower()]
        else:
            break
    if factor < Fraction(1, 100) or factor > 10**15:
        return None
    if not text:
        return factor, None
    if factor < 1:  # 10 % of what does not matter
        return (factor, None) if _without_tail(" " + text) == "" else None
    unit = _unit(text, spaced)
    return None if unit is None else (factor, unit)


def _unit(text: str, spaced: bool) -> Unit | None:
    if not spaced and len(text) == 1 and text.isalpha():
        return None
    if (name := _symbol(text)) is not None:
        return Unit(name)
    if not spaced:
        return None
    text = text.replace("degrees Celsius", "celsius").replace("degrees Fahrenheit", "fahrenheit")
    parts = _RATE.split(text)
    if len(parts) == 2 and all(parts):
        over, under = (_symbol(part) or _noun_name(part) for part in parts)
        if over is None or under is None:
            return None
        return Unit(_EQUIVALENT.get(f"{over}/{under}", f"{over}/{under}"))
    return _noun(text)


_PARENTHESES = re.compile(r"\A\(\s*(.*?)\s*\)\Z")
_FACTOR = re.compile(r"\s*([A-Za-z$€£¥₹°Ω]+)\s*(?:\^\s*\{?\s*(-?[1-9])\s*\}?)?\s*\Z")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)?)\}\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)?)\}")


def _symbol(text: str) -> str | None:
    """The canonical name of a unit, with powers, products and quotients: `cm^2`, `sq ft`, `m/s^2`, `N·m`."""
    text = text.strip().rstrip(".")
    if text in _UNITS:
        return _UNITS[text]
    if text.lower() in _UNITS and len(text) > 2:
        return _UNITS[text.lower()]
    words = text.lower().split()
    if len(words) == 2 and words[0].rstrip(".") in ("square", "sq", "cubic", "cu") and words[1].rstrip(".") in _UNITS:
        return f"{_UNITS[words[1].rstrip('.')]}^{2 if words[0].startswith('sq') else 3}"
    if len(words) == 2 and words[1] in ("squared", "cubed") and words[0] in _UNITS:
        return f"{_UNITS[words[0]]}^{2 if words[1] == 'squared' else 3}"
    if len(words) == 2 and words[0] in ("us", "u.s.") and _UNITS.get(words[1]) == "dollar":
        return "dollar"
    powers: dict[str, int] = {}
    for place, side in enumerate(text.split("/")):
        for factor in re.split(r"\s*[·*]\s*|\s+", _PARENTHESES.sub(r"\1", side.strip())):
            match = _FACTOR.match(factor)
            if match is None or match[1] not in _UNITS or place > 1:
                return None
            name = _UNITS[match[1]]
            powers[name] = powers.get(name, 0) + int(match[2] or 1) * (-1 if place else 1)
    over = "*".join(name if power == 1 else f"{name}^{power}" for name, power in sorted(powers.items()) if power > 0)
    under = "*".join(name if power == -1 else f"{name}^{-power}" for name, power in sorted(powers.items()) if power < 0)
    name = f"{over}/{under}" if under else over
    return _EQUIVALENT.get(name, name) if over else None


def _noun_name(text: str) -> str | None:
    words = text.split()
    if len(words) == 1 and words[0].isalpha() and not changes_number(words[0].lower()):
        return singular(words[0].lower())
    return None


def _without_tail(text: str) -> str:
    """The phrase without `in total`, `each`, `of rice`; `of ten` stays, which makes the phrase unreadable."""
    match = TAIL.search(text)
    if match is None or (match["of"] and any(_counts(word) for word in match["of"].split())):
        return text
    return text[: match.start()]


def _counts(word: str) -> bool:
    return changes_number(word) or word in SCALES


def _noun(text: str) -> Unit | None:
    text = _without_tail(_without_tail(text))
    if (name := _symbol(text)) is not None:
        return Unit(name)
    words = text.split()
    if not 1 <= len(words) <= 4 or not all(re.fullmatch(r"[A-Za-z][a-z]*(?:-[a-z]+|'s)?", word) for word in words):
        return None
    lower = [word.lower() for word in words]
    if any(changes_number(word) or changes_number(part) for word in lower for part in word.split("-")):
        return None
    head, before = lower[-1], frozenset(lower[:-1])
    if any(word.endswith(("ly", "ed")) and len(word) > 3 for word in before if word not in ("red",)):
        return None
    if head in _UNITS and len(head) > 2:
        plain = _UNITS[head] in _COUNTED
        return Unit(_UNITS[head], before if plain else frozenset()) if plain or before <= _BEFORE_UNITS else None
    if len(head) > 3 and head.endswith("s") and not head.endswith(("ss", "us", "is")):
        return Unit(singular(head), before)
    return None


def same_unit(one: Unit | None, other: Unit | None) -> bool:
    """Whether two units can stand for one thing: a missing one agrees with any; red apples are apples, pens are not.

    >>> same_unit(Unit("dollar"), None), same_unit(Unit("dollar"), Unit("euro"))
    (True, False)
    """
    if one is None or other is None:
        return not any(unit is not None and _DOUBTFUL in unit.words for unit in (one, other))
    one, other = (unit._replace(words=unit.words - {_DOUBTFUL}) for unit in (one, other))
    return one.name == other.name and (one.words <= other.words or other.words <= one.words)
