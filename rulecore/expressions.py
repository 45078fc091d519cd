"""Predicates and formulas as records: the part of the image writer that turns conditions into bytes.

A predicate that compares one attribute with constants has a kind of its own, which an index can use; whatever else
becomes a tree of typed nodes (an expression). Equal predicates, by their text, are written once. Predicates and
formulas are kept as they are understood until `sections` packs them, for whoever plans with them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from rulecore import layout
from rulecore._layout import Compare, Field, FormulaKind, NodeOp, Operands, PredicateKind, Section
from rulecore.automata import automata_block
from rulecore.errors import LimitError
from rulecore.limits import LIMITS
from rulecore.lower import ALWAYS, All, Consent, Formula, Leaf, lower, type_of
from rulecore.model import Attr, Call, Const, Expr, Has, InSegment, Quantifier, Segment, Type, Var
from rulecore.pool import Span
from rulecore.render import render

TYPES: Final = {kind: code for code, kind in enumerate(Type)}
"""Type codes, in the order of `ValueType`."""

_COMPARES: Final = {"eq": Compare.EQ, "lt": Compare.LT, "le": Compare.LE, "gt": Compare.GT, "ge": Compare.GE}
_FLIPPED: Final = {
    Compare.EQ: Compare.EQ,
    Compare.LT: Compare.GT,
    Compare.LE: Compare.GE,
    Compare.GT: Compare.LT,
    Compare.GE: Compare.LE,
}
_INTEGERS: Final = (Type.INT, Type.TIMESTAMP, Type.DURATION)
_LISTS: Final = (Type.LIST_STRING, Type.LIST_INT)
_PLAIN: Final = {
    "not": NodeOp.N_NOT,
    "cond": NodeOp.N_COND,
    "mul": NodeOp.N_MUL,
    "div": NodeOp.N_DIV,
    "mod": NodeOp.N_MOD,
    "neg": NodeOp.N_NEG,
    "in": NodeOp.N_IN,
    "size": NodeOp.N_SIZE,
    "starts_with": NodeOp.N_STARTS_WITH,
    "ends_with": NodeOp.N_ENDS_WITH,
    "contains": NodeOp.N_CONTAINS,
    "lower_ascii": NodeOp.N_LOWER_ASCII,
    "intersects": NodeOp.N_INTERSECTS,
    "contains_all": NodeOp.N_CONTAINS_ALL,
    "semver": NodeOp.N_SEMVER,
}
_FIELDS: Final = {f"get_{field.name.lower()}": field for field in Field if field is not Field.FIELD_COUNT}
_LEAF, _ALL, _ANY = int(FormulaKind.F_LEAF), int(FormulaKind.F_ALL), int(FormulaKind.F_ANY)
_AROUND: Final = {"contains": "{}", "starts_with": "\\A{}", "ends_with": "{}\\z"}
"""What each function on a constant text is as a pattern."""
_QUOTED: Final = re.compile(r"[!-/:-@\[-`{-~]")
_SEARCHED_CHARS_MAX: Final = 64
_SEARCHED_MAX: Final = 1 << 16
"""Characters of one text, and of all texts together, that are searched for as patterns: automata have their limits."""
_EXACT: Final = 1 << 53
"""Ints up to here have an equal double."""

FormulaFacts = tuple[int, bool, int]
"""A formula's record: its kind, the value wanted of a leaf, its link (see `FormulaRecord`)."""

Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...]


class PredicateFacts(msgspec.Struct, frozen=True, gc=False):
    """What is known of a predicate before it is packed.

    `operand` is the constant as Python has it: the mask of a consent's purposes, a pattern's index, 0 where the kind
    has none. `packed` is the same as the record has it.
    """

    source: Expr | Consent
    text: Span
    kind: PredicateKind
    compare: int
    subject: int
    operand: Value
    packed: bytes


_Classified = tuple[PredicateKind, int, int, Value, bytes]
_NO_OPERAND: Final = bytes(8)


def pair(first: int, second: int = 0) -> bytes:
    """Two 32-bit halves of an operand."""
    return layout.SPAN.pack(first, second)


class Conditions:
    """Collects the predicates, nodes, items, patterns and formulas of a bundle's conditions.

    `slots` and `ordinals` number attributes and precomputed segments, `bits` gives the mask of purposes, `text`
    stores text. `terms` are the texts that patterns are searched for in, each with its patterns; one that varies within
    a decision has a single one, so that no other is searched for at every turn. `zones` gathers the constant time
    zones used; None in it means any zone.
    """

    def __init__(
        self,
        segments: dict[str, Segment],
        slots: dict[str, int],
        ordinals: dict[str, int],
        bits: Callable[[Iterable[str]], int],
        text: Callable[[str], Span],
    ) -> None:
        self.segments = segments
        self.slots = slots
        self.ordinals = ordinals
        self.bits = bits
        self.text = text
        self.predicates: list[PredicateFacts] = []
        self.nodes: list[bytes] = []
        self.text_items: list[Span] = []
        self.integer_items: list[int] = []
        self.cidrs: list[bytes] = []
        self.patterns: list[tuple[str, int, int]] = []
        self.terms: list[tuple[str, list[str]]] = []
        self.formulas: list[FormulaFacts] = []
        self.zones: set[str | None] = set()
        self._first_node = 0
        self._predicate_of: dict[str, int] = {}
        self._predicate_of_tree: dict[bytes, int] = {}
        self._leaf_of: dict[bytes, FormulaFacts] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._formula_of: dict[tuple[FormulaFacts, ...], int] = {}
        self._items_of: dict[tuple[str, ...] | tuple[int, ...], Span] = {}
        self._pattern_of: dict[tuple[str, str], int] = {}
        self._scanner_of: dict[str, int] = {}
        self._cidr_of: dict[str, int] = {}
        self._searched = 0

    def sections(self) -> dict[Section, list[bytes]]:
        """All that was collected, as records."""
        pack_predicate, pack_formula = layout.PREDICATE.pack, layout.FORMULA.pack
        return {
            Section.PATTERNS: [
                layout.PATTERN.pack(*self.text(pattern), scanner, number) for pattern, scanner, number in self.patterns
            ],
            Section.AUTOMATA: [automata_block(self.terms)],
            Section.TEXT_ITEMS: [layout.SPAN.pack(*span) for span in self.text_items],
            Section.INTEGER_ITEMS: [layout.INTEGER.pack(number) for number in self.integer_items],
            Section.CIDRS: self.cidrs,
            Section.NODES: self.nodes,
            Section.PREDICATES: [
                pack_predicate(*facts.text, facts.kind, facts.compare, 0, facts.subject, facts.packed)
                for facts in self.predicates
            ],
            Section.FORMULAS: [pack_formula(kind, wanted, 0, link) for kind, wanted, link in self.formulas],
        }

    # Formulas

    def condition(self, when: Expr | None) -> int:
        """The index of a condition's formula, NONE when it always holds. Raises LimitError."""
        if when is None:
            return layout.NONE
        leaves = self._leaves(when.args) if isinstance(when, Call) and when.op == "and" else None
        if leaves is not None and len(leaves) < LIMITS.formula_nodes_per_rule_max:
            return self._stored([(_ALL, False, len(leaves) + 1), *leaves])
        formula = lower(when, self.segments)
        return layout.NONE if formula == ALWAYS else self.formula(formula)

    def _leaves(self, parts: tuple[Expr, ...]) -> list[FormulaFacts] | None:
        """The records of a conjunction's parts if each is a leaf, as they are in most rules: a short way for those."""
        leaves: list[FormulaFacts] = []
        for part in parts:
            if isinstance(part, Call) and part.op == "and":
                inner = self._leaves(part.args)
                if inner is None:
                    return None
                leaves += inner
                continue
            tree = self._encode(part)
            leaf = self._leaf_of.get(tree)
            if leaf is None:
                formula = lower(part, self.segments)
                if not isinstance(formula, Leaf):
                    return None
                leaf = self._leaf_of[tree] = (_LEAF, formula.wanted, self.predicate(formula.predicate))
            leaves.append(leaf)
        return leaves

    def formula(self, formula: Formula) -> int:
        """The index of the formula's first record; equal formulas are written once."""
        records: list[FormulaFacts] = []
        self._flatten(formula, records, 1)
        return self._stored(records)

    def _stored(self, records: list[FormulaFacts]) -> int:
        """The index of a formula of these records, whose links count from its own first one."""
        key = tuple(records)
        first = self._formula_of.get(key)
        if first is None:
            first = self._formula_of[key] = len(self.formulas)
            self.formulas += [
                record if record[0] == _LEAF else (record[0], False, first + record[2]) for record in records
            ]
        return first

    def _flatten(self, formula: Formula, records: list[FormulaFacts], depth: int) -> None:
        """Appends the formula in prefix order, links counted from its own first record."""
        if depth > LIMITS.formula_depth_max:
            raise LimitError(f"a condition nests more than {LIMITS.formula_depth_max} deep")
        if isinstance(formula, Leaf):
            records.append((_LEAF, formula.wanted, self.predicate(formula.predicate)))
            return
        at = len(records)
        kind = _ALL if isinstance(formula, All) else _ANY
        records.append((kind, False, 0))
        for part in formula.parts:
            self._flatten(part, records, depth + 1)
        records[at] = (kind, False, len(records))

    # Predicates

    def predicate(self, predicate: Expr | Consent) -> int:
        """The index of a predicate."""
        # One that was seen before is known by its encoding, which tells apart what `==` does not: 0.0 and -0.0, say.
        tree = self._encode(predicate)
        at = self._predicate_of_tree.get(tree)
        if at is None:
            at = self._predicate_of_tree[tree] = self._new_predicate(predicate)
        return at

    def _new_predicate(self, predicate: Expr | Consent) -> int:
        """The index of a predicate that may yet have the text of another."""
        text = f"consent to {', '.join(predicate.purposes)}" if isinstance(predicate, Consent) else render(predicate)
        if text not in self._predicate_of:
            facts = self._classify(predicate)
            self._predicate_of[text] = len(self.predicates)
            self.predicates.append(PredicateFacts(predicate, self.text(text), *facts))
        return self._predicate_of[text]

    def _classify(self, predicate: Expr | Consent) -> _Classified:
        """Kind, compare, subject, operand and packed operand of a predicate."""
        simple: _Classified | None = None
        match predicate:
            case Consent(purposes=purposes):
                bits = self.bits(purposes)
                return PredicateKind.P_CONSENT, 0, 0, bits, layout.BITS.pack(bits)
            case InSegment(name=name):
                return PredicateKind.P_SEGMENT, 0, self.ordinals[name], 0, _NO_OPERAND
            case Has(name=name):
                return PredicateKind.P_HAS, 0, self.slots[name], 0, _NO_OPERAND
            case Attr(name=name):
                return PredicateKind.P_BOOL, 0, self.slots[name], 0, _NO_OPERAND
            case Call(op=op, args=(Attr() as attr, Const() as const)) if op in _COMPARES:
                simple = self._comparison(_COMPARES[op], attr, const)
            case Call(op=op, args=(Const() as const, Attr() as attr)) if op in _COMPARES:
                simple = self._comparison(_FLIPPED[_COMPARES[op]], attr, const)
            case Call(op="in", args=(Attr(name=name, type=kind), Const(value=tuple(values)))):
                is_in = PredicateKind.P_STRING_IN if kind is Type.STRING else PredicateKind.P_INTEGER_IN
                return is_in, 0, self.slots[name], values, pair(*self._item_span(values))
            case Call(op="in", args=(Const(value=str(text)), Attr(name=name))):
                return PredicateKind.P_HOLDS_STRING, 0, self.slots[name], text, pair(*self.text(text))
            case Call(op="in", args=(Const(value=int(number)), Attr(name=name))):
                return PredicateKind.P_HOLDS_INTEGER, 0, self.slots[name], number, layout.INTEGER.pack(number)
            case Call(op="matches", args=(Attr(name=name) as attr, Const(value=str(text)))):
                number = self._pattern(attr, text)
                return PredicateKind.P_MATCHES, 0, self.slots[name], number, pair(number)
            case Call(op=op, args=(Attr(name=name) as attr, Const(value=str(text)))) if self._is_searched(op, text):
                number = self._pattern(attr, _AROUND[op].format(_QUOTED.sub(r"\\\g<0>", text)))
                return PredicateKind.P_MATCHES, 0, self.slots[name], number, pair(number)
        if simple is not None:
            return simple
        self._first_node = len(self.nodes)
        return PredicateKind.P_EXPRESSION, 0, self._node(predicate, 1, 0, 0), 0, _NO_OPERAND

    def _is_searched(self, op: str, text: str) -> bool:
        """Whether a text is searched for as a pattern, together with all others, rather than by itself."""
        if op not in _AROUND or len(text) > _SEARCHED_CHARS_MAX or self._searched > _SEARCHED_MAX:
            return False
        self._searched += len(text)
        return True

    def _comparison(self, compare: Compare, attr: Attr, const: Const) -> _Classified | None:
        """A comparison of an attribute with a constant, if it has a kind of its own."""
        slot = self.slots[attr.name]
        match attr.type, const.type, const.value:
            case Type.STRING, Type.STRING, str(text) if compare is Compare.EQ:
                return PredicateKind.P_STRING, compare, slot, text, pair(*self.text(text))
            case Type.DOUBLE, (Type.DOUBLE | Type.INT), (int() | float()) as number if _has_equal_double(number):
                return PredicateKind.P_REAL, compare, slot, float(number), layout.REAL.pack(number)
            case Type.INT, Type.DOUBLE, float(number) if number.is_integer() and abs(number) <= _EXACT:
                return PredicateKind.P_INTEGER, compare, slot, int(number), layout.INTEGER.pack(int(number))
            case kind, other, int(number) if kind is other and kind in _INTEGERS:
                return PredicateKind.P_INTEGER, compare, slot, number, layout.INTEGER.pack(number)
        return None

    # Expressions

    def _node(self, expr: Expr, depth: int, loops: int, base: int) -> int:
        """Writes an expression's nodes, operands first, and gives the index of its root.

        `loops` counts the quantifiers around it; `base` is the loop that the author's depth 0 stands for, which is
        more than 0 where a condition segment is written out inside a quantifier.
        """
        if depth > LIMITS.expression_depth_max:
            raise LimitError(f"an expression nests more than {LIMITS.expression_depth_max} deep")
        match expr:
            case Const(type=kind, value=value):
                return self._emit(NodeOp.N_CONST, kind, operand=self._constant(kind, value))
            case Attr(name=name, type=kind):
                return self._emit(NodeOp.N_ATTR, kind, self.slots[name])
            case Var(depth=loop, type=kind):
                return self._emit(NodeOp.N_VAR, kind, base + loop)
            case Has(name=name):
                return self._emit(NodeOp.N_HAS, Type.BOOL, self.slots[name])
            case InSegment(name=name):
                return self._segment_node(expr, depth, loops)
            case Quantifier(kind=kind, items=items, body=body):
                if loops == LIMITS.image_loops_max:
                    raise LimitError(f"quantifiers nest more than {LIMITS.image_loops_max} deep, segments written out")
                listed = self._node(items, depth + 1, loops, base)
                tested = self._node(body, depth + 1, loops + 1, base)
                op = NodeOp.N_EXISTS if kind == "exists" else NodeOp.N_ALL
                return self._emit(op, Type.BOOL, listed, operand=pair(tested))
            case Call():
                return self._call_node(expr, depth, loops, base)

    def _segment_node(self, expr: InSegment, depth: int, loops: int) -> int:
        segment = self.segments[expr.name]
        if segment.when is None:
            return self._emit(NodeOp.N_PREDICATE, Type.BOOL, self.predicate(expr))
        condition = self._node(segment.when, depth + 1, loops, loops)
        if not segment.purposes:
            return condition
        consent = self.predicate(Consent(segment.purposes))
        return self._emit(NodeOp.N_GUARD, Type.BOOL, consent, operand=pair(condition))

    def _call_node(self, expr: Call, depth: int, loops: int, base: int) -> int:
        def node(arg: Expr) -> int:
            return self._node(arg, depth + 1, loops, base)

        op, args, kind = expr.op, expr.args, expr.type
        match op:
            case "and" | "or":
                return self._balanced(NodeOp.N_AND if op == "and" else NodeOp.N_OR, args, depth, loops, base)
            case "eq" | "ne" | "lt" | "le" | "gt" | "ge":
                return self._compare_node(expr, depth, loops, base)
            case "add" | "sub" if kind in (Type.TIMESTAMP, Type.DURATION):
                first, second = reversed(args) if type_of(args[1]) is Type.TIMESTAMP and op == "add" else args
                if kind is Type.DURATION and type_of(first) is Type.TIMESTAMP:
                    return self._emit(NodeOp.N_SINCE, kind, node(first), operand=pair(node(second)))
                return self._emit(NodeOp.N_SHIFT, kind, node(first), operand=pair(node(second)), mode=op == "sub")
            case "add" | "sub":
                plain = NodeOp.N_ADD if op == "add" else NodeOp.N_SUB
                return self._emit(plain, kind, node(args[0]), operand=pair(node(args[1])))
            case "matches":
                pattern = args[1].value if isinstance(args[1], Const) else None
                number = self._pattern(args[0], str(pattern))
                steady = not _varies(args[0])
                return self._emit(NodeOp.N_MATCHES, kind, node(args[0]), operand=pair(number), mode=steady)
            case "contains_ip":
                cidr = args[0].value if isinstance(args[0], Const) else None
                return self._emit(NodeOp.N_CIDR, kind, node(args[1]), operand=pair(self._cidr(str(cidr))))
            case _ if op in _FIELDS and len(args) == 2:
                zone = args[1]
                self.zones.add(zone.value if isinstance(zone, Const) and isinstance(zone.value, str) else None)
                instant = node(args[0])
                return self._emit(NodeOp.N_CALENDAR, kind, instant, operand=pair(node(zone)), mode=_FIELDS[op])
            case _ if op in _FIELDS:
                return self._emit(NodeOp.N_ELAPSED, kind, node(args[0]), mode=_FIELDS[op])
            case _:
                a, b, c = [node(arg) for arg in args] + [0] * (3 - len(args))
                return self._emit(_PLAIN[op], kind, a, operand=pair(b, c))

    def _balanced(self, op: NodeOp, args: tuple[Expr, ...], depth: int, loops: int, base: int) -> int:
        """`a && b && c && d` as `(a && b) && (c && d)`: the same value, and the depth of a logarithm."""
        if len(args) == 1:
            return self._node(args[0], depth, loops, base)
        middle = len(args) // 2
        left = self._balanced(op, args[:middle], depth + 1, loops, base)
        right = self._balanced(op, args[middle:], depth + 1, loops, base)
        return self._emit(op, Type.BOOL, left, operand=pair(right))

    def _compare_node(self, expr: Call, depth: int, loops: int, base: int) -> int:
        left, right = expr.args
        if expr.op == "ne":
            same = self._node(Call("eq", expr.args, Type.BOOL), depth + 1, loops, base)
            return self._emit(NodeOp.N_NOT, Type.BOOL, same)
        compare = _COMPARES[expr.op]
        if type_of(left) is Type.DOUBLE and type_of(right) is Type.INT:
            left, right, compare = right, left, _FLIPPED[compare]
        match type_of(left), type_of(right):
            case Type.STRING, _:
                operands = Operands.O_STRING
            case Type.SEMVER, _:
                operands = Operands.O_SEMVER
            case Type.DOUBLE, _:
                operands = Operands.O_REAL
            case Type.INT, Type.DOUBLE:
                operands = Operands.O_INTEGER_REAL
            case _:
                operands = Operands.O_INTEGER
        first = self._node(left, depth + 1, loops, base)
        second = self._node(right, depth + 1, loops, base)
        return self._emit(NodeOp.N_COMPARE, Type.BOOL, first, operand=pair(second), mode=operands * 8 + compare)

    def _emit(self, op: NodeOp, kind: Type, a: int = 0, *, operand: bytes = bytes(8), mode: int = 0) -> int:
        if len(self.nodes) - self._first_node >= LIMITS.formula_nodes_per_rule_max:
            raise LimitError(
                f"an expression comes to more than {LIMITS.formula_nodes_per_rule_max:,} terms once its segments are "
                "written out"
            )
        self.nodes.append(layout.NODE.pack(op, TYPES[kind], mode, a, operand))
        return len(self.nodes) - 1

    def _constant(self, kind: Type, value: object) -> bytes:
        match value:
            case tuple():
                return pair(*self._item_span(value))
            case str():
                return pair(*self.text(value))
            case float() | int() if kind is Type.DOUBLE:
                return layout.REAL.pack(value)
            case int():
                return layout.INTEGER.pack(value)
        raise TypeError(f"{value!r} is not a constant")

    def _item_span(self, values: tuple[str, ...] | tuple[int, ...]) -> Span:
        if values not in self._items_of:
            texts = [self.text(value) for value in values if isinstance(value, str)]
            numbers = [value for value in values if isinstance(value, int)]
            self._items_of[values] = (
                len(self.text_items if texts else self.integer_items) if values else 0,
                len(values),
            )
            self.text_items += texts
            self.integer_items += numbers
        return self._items_of[values]

    def _pattern(self, subject: Expr, pattern: str) -> int:
        """The index of a pattern that is searched for in a text."""
        term = render(subject)
        if _varies(subject):
            term += f" with {pattern!r}"
        if (term, pattern) not in self._pattern_of:
            self._pattern_of[term, pattern] = len(self.patterns)
            if term not in self._scanner_of:
                self._scanner_of[term] = len(self.terms)
                self.terms.append((term, []))
            scanner = self._scanner_of[term]
            if len(pattern) > LIMITS.pattern_chars_max:
                raise LimitError(f"a pattern is longer than {LIMITS.pattern_chars_max:,} characters")
            searched = self.terms[scanner][1]
            self.patterns.append((pattern, scanner, len(searched)))
            searched.append(pattern)
        return self._pattern_of[term, pattern]

    def _cidr(self, cidr: str) -> int:
        if cidr not in self._cidr_of:
            self._cidr_of[cidr] = len(self.cidrs)
            self.cidrs.append(packed_cidr(cidr))
        return self._cidr_of[cidr]


def _varies(expr: Expr) -> bool:
    """Whether a text is another at each turn of a quantifier."""
    return isinstance(expr, Var) or (isinstance(expr, Call) and any(_varies(arg) for arg in expr.args))


def _has_equal_double(number: int | float) -> bool:  # noqa: PYI041 - the difference is the point
    return isinstance(number, float) or abs(number) <= _EXACT


def packed_cidr(text: str) -> bytes:
    """18 bytes: family (4 or 6), prefix length, and the address, padded with zeros to 16."""
    network = ipaddress.ip_network(text)
    return bytes([network.version, network.prefixlen]) + network.network_address.packed.ljust(16, b"\0")
