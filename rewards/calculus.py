"""Derivatives of trees of the bounded grammar, by the rules of calculus: a new tree, nothing evaluated."""

from fractions import Fraction

from rewards.evaluator import symbols_of
from rewards.grammar import Node, NotRead, num

MOST_NODES = 500  # of a derivative
ONE, TWO = num(1), num(2)


def derivative(node: Node, letter: str) -> Node:
    """The derivative with respect to a letter; other letters are constants.

    Raises:
        NotRead: something in it has no derivative here, such as floor or a bare absolute value, or it is out of bounds.

    >>> from rewards.grammar import parse, tokens_of
    >>> derivative(parse(tokens_of("x sin(x)")), "x") == parse(tokens_of("sin(x) + x cos(x)"))
    True
    """
    result = _slope(node, letter)
    if _size(result) > MOST_NODES:
        raise NotRead("a derivative out of bounds")
    return result


def _size(node: Node) -> int:
    """The number of nodes, or anything above `MOST_NODES`."""
    count, left = 0, [node]
    while left and count <= MOST_NODES:
        count += 1
        left += left.pop().args
    return count


def _sum(*terms: Node) -> Node:
    kept = [term for term in terms if term != num(0)]
    return Node("add", tuple(kept)) if len(kept) > 1 else kept[0] if kept else num(0)


def _product(*factors: Node) -> Node:
    if num(0) in factors:
        return num(0)
    kept = [factor for factor in factors if factor != ONE]
    return Node("mul", tuple(kept)) if len(kept) > 1 else kept[0] if kept else ONE


def _minus(node: Node) -> Node:
    return node if node == num(0) else Node("neg", (node,))


def _over(over: Node, under: Node) -> Node:
    return over if over == num(0) else Node("div", (over, under))


def _call(name: str, *args: Node) -> Node:
    return Node("call", args, name)


def _slope(node: Node, letter: str) -> Node:
    if letter not in symbols_of(node):
        return num(0)
    op, args = node.op, node.args
    if op == "sym":
        return ONE
    if op == "neg":
        return _minus(_slope(args[0], letter))
    if op == "add":
        return _sum(*(_slope(part, letter) for part in args))
    if op == "mul":
        slopes = [_slope(part, letter) for part in args]
        return _sum(*(_product(*args[:k], slope, *args[k + 1 :]) for k, slope in enumerate(slopes)))
    if op == "div":
        over, under = args
        up, down = _slope(over, letter), _slope(under, letter)
        if down == num(0):
            return _over(up, under)
        rest = _product(over, down)
        return _over(_sum(_product(up, under), _minus(rest)), Node("pow", (under, TWO)))
    if op == "pow":
        return _power(args[0], args[1], letter)
    if op == "call":
        return _function(str(node.value), args[0], args[1:], letter)
    raise NotRead(f"no derivative of {op}")


def _power(base: Node, exponent: Node, letter: str) -> Node:
    whole = Node("pow", (base, exponent))
    if letter not in symbols_of(exponent):
        if exponent.op == "num" and isinstance(exponent.value, Fraction):
            less = num(exponent.value - 1)
        else:
            less = _sum(exponent, _minus(ONE))
        lower = base if less == ONE else ONE if less == num(0) else Node("pow", (base, less))
        return _product(exponent, lower, _slope(base, letter))
    logarithm = ONE if base == Node("const", (), "e") else _call("ln", base)
    grown = _product(logarithm, _slope(exponent, letter))
    if letter not in symbols_of(base):
        return _product(whole, grown)
    return _product(whole, _sum(grown, _over(_product(exponent, _slope(base, letter)), base)))


def _function(name: str, inner: Node, more: tuple[Node, ...], letter: str) -> Node:
    """The derivative of a function; `more` is the index of a root or the base of a logarithm."""
    if any(letter in symbols_of(other) for other in more):
        raise NotRead(f"no derivative of {name} of two variables")
    if name == "ln" and inner.op == "call" and inner.value == "abs":
        inner = inner.args[0]  # ln|u| has the derivative of ln u
    by = _slope(inner, letter)
    if name == "root":
        return _over(_product(_call("root", inner, *more), by), _product(*more, inner))
    if name == "ln":
        return _over(by, inner)
    if name == "log":
        return _over(by, _product(inner, _call("ln", *more or [num(10)])))
    square = Node("pow", (inner, TWO))
    match name:
        case "exp":
            return _product(_call("exp", inner), by)
        case "sin":
            return _product(_call("cos", inner), by)
        case "cos":
            return _minus(_product(_call("sin", inner), by))
        case "tan":
            return _over(by, Node("pow", (_call("cos", inner), TWO)))
        case "cot":
            return _minus(_over(by, Node("pow", (_call("sin", inner), TWO))))
        case "sec":
            return _over(_product(_call("sin", inner), by), Node("pow", (_call("cos", inner), TWO)))
        case "csc":
            return _minus(_over(_product(_call("cos", inner), by), Node("pow", (_call("sin", inner), TWO))))
        case "sinh":
            return _product(_call("cosh", inner), by)
        case "cosh":
            return _product(_call("sinh", inner), by)
        case "tanh":
            return _over(by, Node("pow", (_call("cosh", inner), TWO)))
        case "arctan":
            return _over(by, _sum(ONE, square))
        case "arcsin":
            return _over(by, _call("root", _sum(ONE, _minus(square)), TWO))
        case "arccos":
            return _minus(_over(by, _call("root", _sum(ONE, _minus(square)), TWO)))
    raise NotRead(f"no derivative of {name}")
