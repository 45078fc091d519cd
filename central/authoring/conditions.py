"""From a condition's text to the checked expression: names are resolved, types are checked, constants are read.

`compile_condition` is the way in. Reading text is `syntax.py`'s; what takes which types stands in `signatures.py`;
calls of functions and methods are checked in `calls.py`. All problems that are independent of each other are
reported: what could not be checked has the type `Inner.UNKNOWN`, which nobody complains about.
"""

from __future__ import annotations

from central.authoring.calls import Calls
from central.authoring.checked import Checked, bare
from central.authoring.diagnostics import Origin, nearest
from central.authoring.literals import INT_MAX, int_too_large
from central.authoring.scope import RESERVED, SEGMENTS, Scope
from central.authoring.signatures import (
    ARITHMETIC,
    COMPARISONS,
    ELEMENTS,
    EQUAL,
    FUNCTIONS,
    METHODS,
    NEGATION,
    NUMBERS,
    Inner,
)
from central.authoring.syntax import parse
from central.authoring.syntax_tree import Broken, Call, Group, Items, Literal, Name, Node, Select
from central.authoring.wording import a, one_of, to_calculate, to_compare
from rulecore import model
from rulecore.limits import LIMITS
from rulecore.model import Type
from rulecore.render import quote

_LOGIC = {"&&": "and", "||": "or", "!": "not", "? :": "cond"}


def compile_condition(text: str, scope: Scope, at: Origin) -> model.Expr | None:
    """The checked expression of a condition, or None when problems were reported to the scope's collector."""
    syntax = parse(text)
    checker = _Checker(text, scope, at)
    for fault in syntax.faults:
        checker.report(fault.at, fault.message, fault.expected, fault.nearest)
    if syntax.tree is None:
        return None
    checked = checker.truth(syntax.tree, "a condition is true or false")
    if checker.terms > LIMITS.formula_nodes_per_rule_max:
        most = f"at most {LIMITS.formula_nodes_per_rule_max:,}"
        checker.report(0, f"the condition has {checker.terms:,} terms", most)
    return None if checker.failed else checked.expr


class _Checker(Calls):
    """Checks one condition. A `near` is what the node is compared with: it explains a bare word."""

    def check(self, node: Node, near: Checked | None = None) -> Checked:
        self.terms += 1
        match node:
            case Call():
                return self._call(node)
            case Name():
                return self._name(node, near)
            case Literal():
                return self._literal(node)
            case Group(inner=inner):
                return self.check(inner, near)
            case Items():
                return self.constants(node)
            case Select():
                target = self.check(node.target)
                if target.kind is not Inner.UNKNOWN:
                    message = f"{a(target.kind)} has no field `{node.field}`"
                    self.report(node.start, message, self._field_hint(node.field))
                return Checked()
            case Broken(fault=fault):
                self.report(fault.at, fault.message, fault.expected, fault.nearest)
                return Checked()

    # Names and constants

    def _literal(self, node: Literal) -> Checked:
        if node.type is Type.INT and isinstance(node.value, int) and node.value > INT_MAX:
            fault = int_too_large()
            self.report(node.start, fault.message, fault.expected)
            return Checked(None, Type.INT)
        if isinstance(node.value, str) and len(node.value) * 4 > LIMITS.string_bytes_max:
            size = len(node.value.encode("utf-8", "replace"))
            if size > LIMITS.string_bytes_max:
                self.report(node.start, f"this string has {size:,} bytes", f"at most {LIMITS.string_bytes_max:,}")
                return Checked(None, Type.STRING)
        return Checked(model.Const(node.type, node.value), node.type)

    def _name(self, node: Name, near: Checked | None) -> Checked:
        name = node.name
        first, dot, _ = name.partition(".")
        for variable, values in reversed(self.variables):
            if variable.name == first:
                if dot:
                    self.report(
                        node.start, f"`{first}` is {a(variable.type)} and has no field `{name[len(first) + 1 :]}`"
                    )
                    return Checked()
                return Checked(variable, variable.type, values)
        known = self.scope.attributes.get(name)
        if known is not None and first not in RESERVED:
            return Checked(model.Attr(name, known.type), known.type, known.values)
        self._no_such_name(node, near)
        return Checked()

    def _no_such_name(self, node: Name, near: Checked | None) -> None:
        name = node.name
        first = name.partition(".")[0]
        if first in RESERVED:
            self.report(node.start, f"`{first}` is a reserved word of CEL, never a name", "another name")
            return
        if first == SEGMENTS:
            self.segments_misused(node)
            return
        holder = name
        while "." in holder:
            holder, _, field = holder.rpartition(".")
            if known := self.scope.attributes.get(holder):
                message = f"`{holder}` is {a(known.type)} and has no field `{name[len(holder) + 1 :]}`"
                self.report(node.start, message, self._field_hint(field, f"{holder}.{field}()"))
                return
        expected, close = "", nearest(name, self._names())
        if first == "query" and name != first:
            expected = f"`{name}: {{}}` under `provided:`"
        elif family := sorted(known for known in self.scope.attributes if known.startswith(f"{name}.")):
            expected, close = f"a name in full, such as {family[0]}", ""
        elif near is not None and near.kind is Type.STRING and "." not in name:
            if name in near.values:
                expected, close = f"text in quotes: '{name}'", ""
            elif near.values:
                expected, close = one_of(near.values), nearest(name, map(str, near.values))
            else:
                expected = f"text in quotes ('{name}'), or an attribute"
        self.report(node.start, f"no attribute is named `{name}`", expected, close)

    def _names(self) -> list[str]:
        return [*self.scope.attributes, *(var.name for var, _ in self.variables), SEGMENTS, "true", "false"]

    def _field_hint(self, field: str, call: str = "") -> str:
        if field in METHODS:
            return f"a call: {call or field + '()'}"
        return f"a call: {field}(...)" if field in FUNCTIONS else ""

    def constants(self, node: Items, element: Checked | None = None) -> Checked:
        """A list of constants, all strings or all ints. `element` is what its items are compared with."""
        items = [self.constant(item, element) for item in node.items]
        if not items:
            self.report(node.start, "this list is empty", "at least one constant")
            return Checked()
        kinds = {item.kind for item in items}
        if Inner.UNKNOWN in kinds or any(item.expr is None for item in items):
            return Checked()
        kind = next((of for of, one in ELEMENTS.items() if kinds == {one}), None)
        if kind is None:
            expected = "to the right of `in`, lists of other types can stand too" if len(kinds) == 1 else ""
            self.report(node.start, "this list has neither only strings nor only ints", expected)
            return Checked()
        constants = tuple(item.expr.value for item in items if isinstance(item.expr, model.Const))
        # The items are all of one type, which mypy can't see.
        return Checked(model.Const(kind, constants), kind)  # type: ignore[arg-type]

    # Operators

    def _call(self, node: Call) -> Checked:
        operator = node.function
        if operator in COMPARISONS:
            return self._comparison(node)
        if operator in _LOGIC:
            return self._logic(node)
        if operator == "in":
            return self._in(node)
        if operator in ARITHMETIC:
            return self._arithmetic(node)
        return self.call(node)

    def _logic(self, node: Call) -> Checked:
        verb = {"!": "negates", "? :": "chooses between"}.get(node.function, "joins")
        parts = [self.truth(arg, f"`{node.function}` {verb} conditions") for arg in node.args]
        return self.made(_LOGIC[node.function], parts, Type.BOOL)

    def _comparison(self, node: Call) -> Checked:
        operator, (left_node, right_node) = node.function, node.args
        for side, other in ((left_node, right_node), (right_node, left_node)):
            if self.is_segments(side):
                asked = bare(other)
                name = quote(asked.value) if isinstance(asked, Literal) and isinstance(asked.value, str) else "'name'"
                self.report(side.start, "segments are not compared, they are asked", f"`{name} in segments`")
                return Checked(None, Type.BOOL)
        if self._negated_operand(node):
            return Checked(None, Type.BOOL)
        left, right = self._pair(left_node, right_node)
        if Inner.UNKNOWN in (left.kind, right.kind):
            return Checked(None, Type.BOOL)
        comparable = (left.kind is right.kind and left.kind in EQUAL) or {left.kind, right.kind} == NUMBERS
        if not comparable:
            self._not_comparable(node, left, right)
            return Checked(None, Type.BOOL)
        if left.kind is Type.BOOL and operator not in ("==", "!="):
            self.report(node.at, f"`{operator}` needs an order, and bools have none", "`==` or `!=`")
            return Checked(None, Type.BOOL)
        if operator in ("==", "!="):
            self.among_values(left_node, left, right)
            self.among_values(right_node, right, left)
        return self.made(COMPARISONS[operator], [left, right], Type.BOOL)

    def _negated_operand(self, node: Call) -> bool:
        """Whether `!a == b` was written for `!(a == b)`, which is then reported."""
        negation = node.args[0]
        if not isinstance(negation, Call) or negation.function != "!":
            return False
        operand = self.check(negation.args[0])
        if operand.kind in (Type.BOOL, Inner.UNKNOWN):
            return False
        text, rest = self.source(negation.args[0]), self.text[negation.end : node.end].strip()
        message = f"`!` stands before `{text}` alone, which is {a(operand.kind)}"
        self.report(negation.start, message, f"`!({text} {rest})`")
        return True

    def _pair(self, left_node: Node, right_node: Node) -> tuple[Checked, Checked]:
        """Both sides of a comparison; the one that may be a bare word second, so that the other explains it."""
        word = bare(left_node)
        if isinstance(word, Name) and word.name not in self.scope.attributes:
            right = self.check(right_node)
            return self.check(left_node, right), right
        left = self.check(left_node)
        return left, self.check(right_node, left)

    def _not_comparable(self, node: Call, left: Checked, right: Checked) -> None:
        left_node, right_node = (bare(arg) for arg in node.args)
        if isinstance(left_node, Call) and left_node.function in COMPARISONS and left.kind is Type.BOOL:
            first, middle, last = self.source(node.args[0]), self.source(left_node.args[1]), self.source(right_node)
            expected = f"`{first} && {middle} {node.function} {last}`"
            self.report(node.at, "comparisons can't be chained", expected)
            return
        sides = [(self.source(arg), one.kind, bare(arg)) for arg, one in zip(node.args, (left, right), strict=True)]
        message = f"{a(left.kind)} can't be compared with {a(right.kind)}"
        if left.kind is right.kind:
            message = f"{left.kind} values can't be compared"
        at = next((side.start for side in (right_node, left_node) if isinstance(side, Literal)), node.at)
        self.report(at, message, to_compare(sides[0], sides[1]))

    def _arithmetic(self, node: Call) -> Checked:
        operator = node.function
        op, results = ARITHMETIC[operator] if len(node.args) == 2 else NEGATION
        parts = [self.check(arg) for arg in node.args]
        kinds = tuple(part.kind for part in parts)
        if kinds in results:
            return self.made(op, parts, results[kinds])
        if Inner.UNKNOWN not in kinds:
            taken = " and ".join(map(a, kinds))
            message = f"`{operator}` doesn't take {taken}"
            if operator == "+" and kinds == (Type.STRING, Type.STRING):
                message = "strings can't be joined"
            self.report(node.at, message, to_calculate(operator, kinds, tuple(map(bare, node.args))))
        return Checked()

    # Membership of lists and segments

    def _in(self, node: Call) -> Checked:
        left_node, right_node = node.args
        holder = bare(right_node)
        if self._negated_operand(node):
            return Checked(None, Type.BOOL)
        if self.is_segments(holder):
            return self.in_segments([left_node], "or")
        if isinstance(holder, Items):
            return self._in_constants(left_node, holder)
        right = self.check(right_node)
        element = ELEMENTS.get(right.kind)
        left = self.check(left_node, Checked(None, element, right.values) if element else None)
        if Inner.UNKNOWN in (left.kind, right.kind):
            return Checked(None, Type.BOOL)
        if element is None:
            text, looked_for = self.source(right_node), self.source(left_node)
            both_strings = right.kind is Type.STRING and left.kind is Type.STRING
            expected = f"`{text}.contains({looked_for})`" if both_strings else "a list, such as ['a', 'b']"
            self.report(right_node.start, f"`in` looks into a list, `{text}` is {a(right.kind)}", expected)
        elif left.kind is not element:
            self.report(left_node.start, f"{a(left.kind)} can't be in {a(right.kind)}", a(element))
        else:
            self.among_values(left_node, left, Checked(right.expr, element, right.values))
            return self.made("in", [left, right], Type.BOOL)
        return Checked(None, Type.BOOL)

    def _in_constants(self, left_node: Node, holder: Items) -> Checked:
        """`x in [a, b]`: a set test for strings and ints, else `x == a || x == b`."""
        left = self.check(left_node)
        items = [self.constant(item, left) for item in holder.items]
        if not items:
            self.report(holder.start, "nothing can be in an empty list", "at least one constant")
            return Checked(None, Type.BOOL)
        if len(items) > LIMITS.list_items_max:
            self.report(holder.start, f"this list has {len(items):,} items", f"at most {LIMITS.list_items_max:,}")
            return Checked(None, Type.BOOL)
        for item_node, item in zip(holder.items, items, strict=True):
            if Inner.UNKNOWN in (left.kind, item.kind):
                continue
            if not ((left.kind is item.kind and left.kind in EQUAL) or {left.kind, item.kind} == NUMBERS):
                sides = [
                    (self.source(node), one.kind, bare(node)) for node, one in ((left_node, left), (item_node, item))
                ]
                self.report(
                    item_node.start, f"{a(left.kind)} can't be equal to {a(item.kind)}", to_compare(sides[0], sides[1])
                )
            else:
                self.among_values(item_node, item, left)
        exprs = [item.expr for item in items if item.expr is not None]
        if left.expr is None or len(exprs) < len(items) or self.failed:
            return Checked(None, Type.BOOL)
        listed = next(
            (of for of, one in ELEMENTS.items() if left.kind is one and all(i.kind is one for i in items)), None
        )
        if listed is not None:
            constants = tuple(expr.value for expr in exprs if isinstance(expr, model.Const))
            # The items are all of one type, which mypy can't see.
            held = Checked(model.Const(listed, constants), listed)  # type: ignore[arg-type]
            return self.made("in", [left, held], Type.BOOL)
        self.terms += len(items)
        equal = [self.made("eq", [left, item], Type.BOOL) for item in items]
        return equal[0] if len(equal) == 1 else self.made("or", equal, Type.BOOL)
