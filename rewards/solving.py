"""What needs algebra: inequalities solved and curves compared by sympy, in a worker process (`rewards.isolate`).

Trees of the bounded grammar are turned into sympy's own objects node by node; no text is ever parsed by sympy.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rewards import isolate
from rewards.evaluator import symbols_of
from rewards.expressions import equivalent, ratio_is_constant, take_job
from rewards.grammar import Node, NotRead, parse, tokens_of
from rewards.regions import Interval, Region, same_region

if TYPE_CHECKING:
    from rewards.values import Inequality


def packed(node: Node) -> list[Any]:
    """A tree as JSON can hold it."""
    return [node.op, [packed(part) for part in node.args], None if node.value is None else str(node.value)]


def solve_inequalities(inequalities: "list[Inequality]") -> Region:
    """The numbers that satisfy all of them, which have one letter in common.

    Raises:
        NotRead: they have several letters, or could not be solved.
    """
    letters = frozenset().union(*(symbols_of(each.node) for each in inequalities))
    if len(letters) != 1:
        raise NotRead("inequalities in several letters")
    name = next(iter(letters))
    ends = _solved(tuple((each.node, each.closed) for each in inequalities), name)
    return Region(tuple(Interval(_read(a), a_in, _read(b), b_in) for a, a_in, b, b_in in ends), name)


@lru_cache(maxsize=1024)
def _solved(inequalities: tuple[tuple[Node, bool], ...], name: str) -> list[tuple[str, bool, str, bool]]:
    take_job()
    try:
        return isolate.run("region", inequalities=[[packed(node), closed] for node, closed in inequalities], name=name)
    except isolate.Refused as error:
        raise NotRead(f"not solved: {error}") from None


def _read(text: str) -> Node:
    return parse(tokens_of(re.sub(r"\bE\b", "e", text.replace("**", "^"))))


def same_inequality(one: "Inequality", other: "Inequality | Region") -> bool:
    """Whether an inequality describes the same points as another one, or the numbers of a region."""
    if isinstance(other, Region):
        if symbols_of(one.node) != {other.name} and (other.name is not None or len(symbols_of(one.node)) != 1):
            return False
        return same_region(solve_inequalities([one]).intervals, other.intervals)
    if symbols_of(one.node) != symbols_of(other.node):
        return False
    if one.closed == other.closed and ratio_is_constant(one.node, other.node):
        sizes = [Node("call", (node,), "abs") for node in (one.node, other.node)]
        products = Node("mul", (sizes[0], other.node)), Node("mul", (sizes[1], one.node))
        return equivalent(*products)
    if len(symbols_of(one.node)) != 1:
        return False
    return same_region(solve_inequalities([one]).intervals, solve_inequalities([other]).intervals)


def no_solution(positive: list[Node]) -> bool:
    """Whether it is proved that no real number makes all of these expressions, in one letter, positive."""
    letters = frozenset().union(*(symbols_of(node) for node in positive))
    if len(letters) != 1:
        return False
    try:
        return not _solved(tuple((node, False) for node in positive), next(iter(letters)))
    except NotRead:
        return False


@lru_cache(maxsize=1024)
def same_curve(one: Node, other: Node) -> bool:
    """Whether two equations between polynomials or their quotients have the same real solutions.

    Decided where the polynomials have the same factors, powers apart, and no solution is lost to a denominator.
    """
    take_job()
    try:
        return isolate.run("curve", one=packed(one), other=packed(other))
    except isolate.Refused as error:
        raise NotRead(f"not compared: {error}") from None


# ------------------------------------------------------------------------------------------- in the worker process


def load() -> None:
    """Imports what the tasks need."""
    import sympy
    import sympy.solvers.inequalities

    x = sympy.Symbol("x", real=True)
    region([[["add", [["pow", [["sym", [], "x"], ["num", [], "2"]], None], ["num", [], "-4"]], None], False]], "x")
    sympy.factor_list(x**2 - 1)


def _sympy(node: list[Any]) -> Any:
    import sympy

    op, args, value = node
    if op == "num":
        fraction = Fraction(value)
        return sympy.Rational(fraction.numerator, fraction.denominator)
    if op == "sym":
        return sympy.Symbol(value, real=True)
    if op == "const":
        return {"pi": sympy.pi, "e": sympy.E}[value]
    parts = [_sympy(part) for part in args]
    if op == "add":
        return sympy.Add(*parts)
    if op == "mul":
        return sympy.Mul(*parts)
    if op in ("neg", "mixed"):
        return -parts[0] if op == "neg" else parts[0]
    if op == "div":
        return parts[0] / parts[1]
    if op == "pow" and parts[1].is_Rational and abs(parts[1]) <= 20:
        return parts[0] ** parts[1]
    if op == "call" and value == "abs":
        return sympy.Abs(parts[0])
    if op == "call" and value == "root" and parts[1].is_Integer and 1 < parts[1] <= 20:
        return sympy.real_root(parts[0], parts[1]) if parts[1] % 2 else parts[0] ** (1 / parts[1])
    raise ValueError(f"no algebra for {op} {value or ''}")


def region(inequalities: list[Any], name: str) -> list[tuple[str, bool, str, bool]]:
    """The solution of inequalities in one letter, as (low, whether it belongs, high, whether it belongs)."""
    import sympy
    from sympy.solvers.inequalities import solve_univariate_inequality

    x = sympy.Symbol(name, real=True)
    solution: Any = sympy.S.Reals
    for node, closed in inequalities:
        expression = _sympy(node)
        relation = expression >= 0 if closed else expression > 0
        if relation in (sympy.true, sympy.false):
            found: Any = sympy.S.Reals if relation == sympy.true else sympy.S.EmptySet
        else:
            found = solve_univariate_inequality(relation, x, relational=False)
        solution = sympy.Intersection(solution, found)
        for under in _denominators(node):  # sympy cancels x/x
            zeros = sympy.solveset(_sympy(under), x, sympy.S.Reals)
            if not isinstance(zeros, sympy.FiniteSet) and zeros != sympy.S.EmptySet:
                raise ValueError("zeros of a denominator that cannot be found")
            solution = solution - zeros
    if solution == sympy.S.EmptySet:
        return []
    parts: list[Any] = list(solution.args) if isinstance(solution, sympy.Union) else [solution]
    ends: list[tuple[Any, str, bool, str, bool]] = []
    for part in parts:
        if isinstance(part, sympy.FiniteSet):
            ends += [(point, str(point), True, str(point), True) for point in part.args]
        elif isinstance(part, sympy.Interval) or part == sympy.S.Reals:
            low, high = part.inf, part.sup
            low_in, high_in = low in part, high in part
            ends.append((low, str(low), bool(low_in), str(high), bool(high_in)))
        else:
            raise ValueError("a solution of another kind")
    return [end[1:] for end in sorted(ends, key=lambda end: float(end[0]))]


def _denominators(node: list[Any]) -> list[list[Any]]:
    """What is divided by, where a letter is in it."""
    op, args, _ = node
    found = [under for part in args for under in _denominators(part)]
    own = [args[1]] if op == "div" else [args[0]] if op == "pow" and args[1][0] == "neg" else []
    return found + [under for under in own if _sympy(under).free_symbols]


def curve(one: list[Any], other: list[Any]) -> bool:
    """Whether two equations have the same real solutions, as far as their factors tell."""
    return _factors(one) == _factors(other)


def _factors(node: list[Any]) -> set[Any]:
    import sympy

    expression = _sympy(node)
    letters = sorted(expression.free_symbols, key=str)
    if not expression.is_rational_function(*letters):
        raise ValueError("no quotient of polynomials")
    over, under = sympy.fraction(sympy.together(expression))
    if under.free_symbols and sympy.groebner([over, under], *letters).exprs != [1]:
        raise ValueError("a solution may be lost to a denominator")
    factors = set()
    for factor, _ in sympy.factor_list(over, *letters)[1]:
        poly = sympy.Poly(factor, *letters)
        if len(poly.free_symbols) == 1 and sympy.Poly(factor, *poly.free_symbols).count_roots() == 0:
            continue  # never zero
        factors.add((poly.monic() if poly.LC() != 0 else poly).as_expr())
    return factors


TASKS = {"region": region, "curve": curve}
