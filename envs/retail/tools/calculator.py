"""Arithmetic for agents: an expression is parsed, bounded and worked out step by step, never evaluated."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from practicum.envs.errors import ActionError

LONGEST = 500
"""Characters of an expression."""
MOST_BITS = 4096
"""Bits of a whole number on the way; the largest result has 1024."""
DEEPEST = 100
"""Operators within each other."""
_ALLOWED = frozenset("0123456789+-*/(). ")
_TWO: Mapping[type[ast.operator], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_ONE: Mapping[type[ast.unaryop], Callable[..., float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def calculate(expression: str) -> str:
    """The value of an expression of numbers, `+ - * / // **` and parentheses, rounded to two places.

    Raises:
        ActionError: it is no such expression, divides by zero, or goes beyond what is worked out here.
    """
    if len(expression) > LONGEST:
        raise ActionError(f"the expression has {len(expression)} characters, at most {LONGEST} are taken")
    if not _ALLOWED.issuperset(expression):
        raise ActionError("invalid characters in expression")
    try:
        tree = ast.parse(expression.lstrip(" "), mode="eval")
        return str(round(float(_value(tree.body, 0)), 2))
    except (SyntaxError, RecursionError, MemoryError):
        raise ActionError("invalid syntax; expected an expression such as (1 + 2) * 3.5") from None
    except ZeroDivisionError:
        raise ActionError("division by zero") from None
    except (OverflowError, ValueError):
        raise ActionError("the value is too large to be worked out") from None


def _value(node: ast.expr, depth: int) -> float:
    if depth > DEEPEST:
        raise ActionError(f"more than {DEEPEST} operators stand within each other")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return _bounded(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _ONE:
        return _ONE[type(node.op)](_value(node.operand, depth + 1))
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, depth + 1), _value(node.right, depth + 1)
        return (
            _power(left, right)
            if isinstance(node.op, ast.Pow)
            else _bounded(_TWO[type(node.op)](left, right))
        )
    raise ActionError("invalid syntax; expected an expression such as (1 + 2) * 3.5")


def _power(left: float, right: float) -> float:
    is_whole = isinstance(left, int) and isinstance(right, int) and left not in (-1, 0, 1)
    if is_whole and int(left).bit_length() * abs(right) > MOST_BITS:
        raise OverflowError
    value = left**right
    if isinstance(value, complex):
        raise ActionError("the root of a negative number is no number")
    return _bounded(value)


def _bounded(value: float) -> float:
    if value.bit_length() > MOST_BITS if isinstance(value, int) else math.isinf(value):
        raise OverflowError
    return value
