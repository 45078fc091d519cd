"""Functions, methods and quantifiers: which overload a call means, and what is wrong when it means none."""

from __future__ import annotations

import re
from typing import Final, cast

from central.authoring.checked import Checked, Checks, bare
from central.authoring.constants import CHECKS, ConstantError
from central.authoring.diagnostics import nearest
from central.authoring.literals import string_offset
from central.authoring.scope import RESERVED
from central.authoring.signatures import ELEMENTS, FORMS, FUNCTIONS, METHODS, Function, Inner, Kind, Overload, Param
from central.authoring.syntax_tree import Call, Items, Literal, Name, Node
from central.authoring.wording import a
from rulecore import model
from rulecore.limits import LIMITS
from rulecore.model import Type

_QUANTIFIERS: Final = ("exists", "all")
_SETS: Final = {"sets.intersects": "or", "sets.contains": "and"}
_SEGMENT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Calls(Checks):
    """Checks calls by name."""

    def call(self, node: Call) -> Checked:
        name, target = node.function, node.target
        if target is None:
            if name == "has":
                return self._has(node)
            if name in FUNCTIONS:
                return self._overloaded(node, FUNCTIONS[name], None)
            return self._no_such_function(node)
        if isinstance(target, Name) and (qualified := f"{target.name}.{name}") in FUNCTIONS:
            if qualified in _SETS and node.args and self.is_segments(node.args[0]):
                return self._sets_of_segments(node, qualified)
            return self._overloaded(node, FUNCTIONS[qualified], None)
        if isinstance(target, Name) and target.name == "sets" and "sets" not in self.scope.attributes:
            return self._no_such_function(node)
        if name in _QUANTIFIERS:
            return self._quantifier(node, target)
        if name in METHODS:
            return self._overloaded(node, METHODS[name], target)
        return self._no_such_function(node, self.check(target).kind)

    def _no_such_function(self, node: Call, receiver: Kind = Inner.UNKNOWN) -> Checked:
        name, what = node.function, "function" if node.target is None else "method"
        there = METHODS if node.target is None else FUNCTIONS
        expected, close, at = "", "", node.at
        if node.target is None and name.lower() in ("not", "and", "or"):
            sign = {"not": "!(...)", "and": "a && b", "or": "a || b"}[name.lower()]
            self.report(at, f"`{name}` is no function", f"`{sign}`")
            for arg in node.args:
                self.check(arg)
            return Checked(None, Type.BOOL)
        if name in there or (what == "function" and name in _QUANTIFIERS) or (what == "method" and name == "has"):
            expected = (there[name].signatures if name in there else (FORMS[name].signature,))[0]
            self.report(at, f"`{name}` is a {'method' if what == 'function' else 'function'}", expected)
        else:
            if isinstance(node.target, Name) and node.target.name == "sets":
                name, at, what = f"sets.{name}", node.target.start, "function"
            names = [*FUNCTIONS, "has"] if what == "function" else [*METHODS, *_QUANTIFIERS]
            if receiver in ELEMENTS:
                expected = " or ".join(FORMS[quantifier].signature for quantifier in _QUANTIFIERS)
            close = nearest(name, names) or nearest(name, [*METHODS, *_QUANTIFIERS])
            self.report(at, f"there is no {what} `{name}`", expected, close)
        if not any(isinstance(arg, Name) and "." not in arg.name for arg in node.args):
            for arg in node.args:
                self.check(arg)
        return Checked()

    # Overloads

    def _overloaded(self, node: Call, function: Function, target: Node | None) -> Checked:
        receiver = self.check(target) if target is not None else None
        fitting = [one for one in function.overloads if receiver is None or one.receiver == receiver.kind]
        if receiver is not None and receiver.kind is Inner.UNKNOWN:
            fitting = list(function.overloads)
        elif receiver is not None and target is not None and not fitting:
            kinds = " or ".join(dict.fromkeys(a(one.receiver) for one in function.overloads if one.receiver))
            message = f"`{function.name}` is for {kinds}, `{self.source(target)}` is {a(receiver.kind)}"
            self.report(node.at, message, function.signatures[0])
            fitting, receiver = list(function.overloads), Checked()
        args = self._arguments(node, fitting)
        due = [one for one in fitting if len(one.params) == len(args)]
        if not due:
            counts = sorted({len(one.params) for one in fitting})
            takes = f"{' or '.join(map(str, counts))} argument{'' if counts == [1] else 's'}"
            expected = " or ".join(function.signature(one) for one in fitting)
            self.report(node.at, f"`{function.name}` takes {takes}, not {len(args)}", expected)
            return Checked(None, self._result(fitting))
        if any(arg.kind is Inner.UNKNOWN for arg in args) or (receiver and receiver.kind is Inner.UNKNOWN):
            return Checked(None, self._result(due))
        for one in due:
            if all(param.kind == arg.kind for param, arg in zip(one.params, args, strict=True)):
                return self._made_by(node, one, function, receiver, args)
        self._wrong_arguments(node, function, due, args)
        return Checked(None, self._result(due))

    def _arguments(self, node: Call, overloads: list[Overload]) -> list[Checked]:
        """Checks the arguments; a bare word is explained where a string is due."""
        args = []
        for i, arg in enumerate(node.args):
            texts = any(len(one.params) > i and one.params[i].kind is Type.STRING for one in overloads)
            args.append(self.check(arg, Checked(None, Type.STRING) if texts else None))
        return args

    def _result(self, overloads: list[Overload]) -> Type | Inner:
        results = {one.result for one in overloads}
        return results.pop() if len(results) == 1 else Inner.UNKNOWN

    def _wrong_arguments(self, node: Call, function: Function, due: list[Overload], args: list[Checked]) -> None:
        expected = " or ".join(function.signature(one) for one in due)
        for i, arg in enumerate(args):
            # The first arguments narrow down which overloads are meant by the later ones.
            kinds = [one.params[i].kind for one in due]
            if arg.kind not in kinds:
                takes = " or ".join(a(kind) for kind in kinds)
                shown = f"`{self.source(node.args[i])}` is {a(arg.kind)}"
                self.report(node.args[i].start, f"`{function.name}` takes {takes} here, {shown}", expected)
                return
            due = [one for one in due if one.params[i].kind == arg.kind]

    def _made_by(
        self, node: Call, overload: Overload, function: Function, receiver: Checked | None, args: list[Checked]
    ) -> Checked:
        """The expression of a call whose types are right."""
        if function.name in _SETS:
            self._sets_values(node, args)
        parts = [] if receiver is None else [receiver]
        for param, arg_node, arg in zip(overload.params, node.args, args, strict=True):
            parts.append(self._read(param, arg_node, arg, function))
        parts += [Checked(model.Const(Type.STRING, text), Type.STRING) for text in overload.implied]
        if overload.op:
            # Only the inner types are not the model's, and no call with an `op` gives one.
            return self.made(overload.op, parts, cast(Type, overload.result))
        constant = parts[0].expr
        if overload.result is Inner.NETWORK or not isinstance(constant, model.Const):
            return Checked(constant, overload.result)
        return Checked(model.Const(cast(Type, overload.result), constant.value), overload.result)

    def _read(self, param: Param, node: Node, arg: Checked, function: Function) -> Checked:
        """An argument as the expression holds it: a constant with a role is checked and read."""
        if not isinstance(arg.expr, model.Const):
            if param.constant and arg.expr is not None:
                message = f"`{function.name}` takes a constant, `{self.source(node)}` is none"
                self.report(node.start, message, f"a {param.role} in quotes")
                return Checked(None, arg.kind)
            return arg
        if not param.role:
            return arg
        try:
            value = CHECKS[param.role](cast(str, arg.expr.value))
        except ConstantError as fault:
            literal = bare(node)
            offset = string_offset(self.text[literal.start : literal.end], fault.at) if fault.at else 0
            self.report(literal.start + offset, fault.message, fault.expected, fault.nearest)
            return Checked(None, arg.kind)
        return Checked(model.Const(arg.expr.type, value), arg.kind)

    # Forms

    def _has(self, node: Call) -> Checked:
        if len(node.args) != 1 or not isinstance(node.args[0], Name):
            self.report(node.at, "`has` takes the name of one attribute", FORMS["has"].signature)
            return Checked(None, Type.BOOL)
        checked = self.check(node.args[0])
        if isinstance(checked.expr, model.Attr):
            return Checked(model.Has(checked.expr.name), Type.BOOL)
        if checked.expr is not None:
            self.report(node.args[0].start, f"`{node.args[0].name}` is no attribute: it is always there")
        return Checked(None, Type.BOOL)

    def _quantifier(self, node: Call, target: Node) -> Checked:
        items = self.check(target)
        failed = Checked(None, Type.BOOL)
        element = ELEMENTS.get(items.kind)
        if element is None:
            if items.kind is not Inner.UNKNOWN:
                message = f"`{node.function}` is for a list, `{self.source(target)}` is {a(items.kind)}"
                self.report(node.at, message, FORMS[node.function].signature)
            return failed
        if len(node.args) != 2:
            message = f"`{node.function}` takes 2 arguments, not {len(node.args)}"
            self.report(node.at, message, FORMS[node.function].signature)
            return failed
        variable, body = node.args
        if not isinstance(variable, Name) or "." in variable.name or variable.name in RESERVED:
            self.report(variable.start, f"`{self.source(variable)}` can't name the item", "a plain name, such as i")
            return failed
        if len(self.variables) == LIMITS.expression_loops_max:
            self.report(node.at, f"exists and all nest at most {LIMITS.expression_loops_max} deep")
            return failed
        var = model.Var(variable.name, len(self.variables), element)
        self.variables.append((var, items.values))
        tested = self.truth(body, f"`{node.function}` asks what is true or false of each item")
        self.variables.pop()
        if items.expr is None or tested.expr is None:
            return failed
        return Checked(model.Quantifier(node.function, items.expr, var, tested.expr), Type.BOOL)

    def _sets_values(self, node: Call, args: list[Checked]) -> None:
        """Constants in one list must be among the values allowed in the other."""
        for i, arg_node in enumerate(map(bare, node.args)):
            if isinstance(arg_node, Items):
                for item in arg_node.items:
                    self.among_values(item, self.check(item), args[1 - i])

    def _sets_of_segments(self, node: Call, function: str) -> Checked:
        asked = bare(node.args[1]) if len(node.args) == 2 else None
        if not isinstance(asked, Items) or not asked.items:
            self.segments_misused(node.args[0])
            return Checked(None, Type.BOOL)
        return self.in_segments(list(asked.items), _SETS[function])

    def in_segments(self, names: list[Node], op: str) -> Checked:
        """Membership of constant segment names, joined by `op`."""
        tests = [self._in_segment(name) for name in names]
        return tests[0] if len(tests) == 1 else self.made(op, tests, Type.BOOL)

    def _check_declared(self, name: str, node: Node) -> None:
        """Warn of a segment that nobody declared and that may be a slip of one that somebody did."""
        close = "" if name in self.scope.segments else nearest(name, self.scope.segments)
        if close:
            message = f"the segment {name!r} is not declared: it must come from the snapshot"
            self.scope.problems.warning(
                self.origin.position(node.start), message, expected="a name under segments", nearest=close
            )

    def _in_segment(self, node: Node) -> Checked:
        self.terms += 1
        name = bare(node)
        if not isinstance(name, Literal) or not isinstance(name.value, str):
            near = f"'{name.name}' in quotes" if isinstance(name, Name) else "a name in quotes"
            self.report(node.start, "segments are asked by constant names", near)
        elif not _SEGMENT_NAME.fullmatch(name.value):
            close = nearest(name.value, self.scope.segments)
            self.report(node.start, f"{self.source(node)} is no segment's name", "a name of a-z, 0-9, _ and -", close)
        else:
            self._check_declared(name.value, node)
            return Checked(model.InSegment(name.value), Type.BOOL)
        return Checked(None, Type.BOOL)
