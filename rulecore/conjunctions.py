"""From a rule's formula to conjunctions of what columns are asked, of which one holds exactly when the formula does.

Disjunctions are multiplied out as long as that gives few conjunctions; what would give more, and what no column can
tell, is left over as a formula to check. What clusters and rows are made of conjunctions is `rulecore.index`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from rulecore import layout
from rulecore._layout import FormulaKind, TestKind
from rulecore.columns import Asked, Columns, Runs, intersect, unite
from rulecore.expressions import FormulaFacts

PRODUCTS_MAX: Final = 8
"""Conjunctions that one rule may become by multiplying out."""

CLASS, ANY, ANY_TOO, NONE_OF = range(4)
"""Keys of tests: four times the column, plus one of these. Of elements, a conjunction may twice ask for any of some."""

_LEAF: Final = int(FormulaKind.F_LEAF)
_SOME: Final = int(FormulaKind.F_ANY)
_WHOLE: Final = -1
"""In place of a formula: the rule's whole condition."""


class IndexedRule(msgspec.Struct, gc=False):
    """A rule as the index sees it: its number in the image, its formula (NONE: always), and what else it asks.

    `also` is what a column can tell of its terms: a window of time, consent. They are checked again in any case.
    """

    number: int
    formula: int
    also: tuple[Asked, ...] = ()


class Conjunction(msgspec.Struct, gc=False):
    """What columns are asked, by key of test the number of a set, and formulas that are left over to check."""

    rule: IndexedRule
    sets: dict[int, int]
    rest: tuple[int, ...] = ()


class Conjunctions:
    """Multiplies formulas out. `sets` has the key and runs of each set of classes or elements, equal ones once."""

    def __init__(self, columns: Columns, formulas: Sequence[FormulaFacts]) -> None:
        self.columns = columns
        self.formulas = formulas
        self.sets: list[tuple[int, Runs]] = []
        self._set_of: dict[tuple[int, Runs], int] = {}
        self._impossible: set[int] = set()
        self._asked: dict[tuple[int, int], tuple[int, int]] = {}
        self._both: dict[tuple[int, int], int | None] = {}

    def of(self, rule: IndexedRule) -> list[Conjunction]:
        """A rule's conjunctions; none when it can never hold."""
        products = [Conjunction(rule, {})] if rule.formula == layout.NONE else self._products(rule, rule.formula)
        for asked in rule.also:
            key, number = self._key_and_set(asked)
            for product in products:
                product.sets.setdefault(key, number)
        if not self._impossible:
            return products
        return [product for product in products if self._impossible.isdisjoint(product.sets.values())]

    def residual(self, product: Conjunction, missing: Iterable[int]) -> int:
        """The formula that is left to check where the tests with these keys are not made, or NONE."""
        rest = list(product.rest)
        for key in missing:
            at = self._asker(product.rule, product.sets[key])
            if at != layout.NONE:
                rest.append(at)
        if not rest:
            return layout.NONE
        return rest[0] if len(rest) == 1 and rest[0] != _WHOLE else product.rule.formula

    def _asker(self, rule: IndexedRule, number: int) -> int:
        """The formula that asks for a set; NONE where the rule's terms do."""
        if rule.formula != layout.NONE:
            kind, wanted, link = self.formulas[rule.formula]
            some = (rule.formula,) if kind == _LEAF else tuple(self._children(rule.formula))
            for at in some if kind != _SOME else ():
                kind, wanted, link = self.formulas[at]
                if kind == _LEAF and self._leaf(link, wanted)[1] == number:
                    return at
        if any(self._key_and_set(asked)[1] == number for asked in rule.also):
            return layout.NONE
        return _WHOLE

    def _products(self, rule: IndexedRule, at: int) -> list[Conjunction]:
        kind, wanted, link = self.formulas[at]
        if kind == _LEAF:
            return [Conjunction(rule, dict([self._leaf(link, wanted)]))]
        return self._any(rule, at) if kind == _SOME else self._all(rule, at)

    def _all(self, rule: IndexedRule, at: int) -> list[Conjunction]:
        sets: dict[int, int] = {}
        first = Conjunction(rule, sets)
        others = []
        formulas, asked = self.formulas, self._asked
        child, behind = at + 1, formulas[at][2]
        while child < behind:
            kind, wanted, link = formulas[child]
            if kind != _LEAF:
                others.append(child)
                child = link
                continue
            child += 1
            key, number = asked.get((link, wanted)) or self._leaf(link, wanted)
            if key not in sets:
                sets[key] = number
            elif not self._add(first, key, number):
                return []
        products = [first]
        for child in others:
            parts = self._products(rule, child)
            if len(products) * len(parts) > PRODUCTS_MAX:
                parts = [Conjunction(rule, {}, (child,))]
            multiplied = [self._multiply(product, part) for product in products for part in parts]
            products = [product for product in multiplied if product is not None]
        return products

    def _any(self, rule: IndexedRule, at: int) -> list[Conjunction]:
        products: list[Conjunction] = []
        alone: dict[int, Conjunction] = {}
        for child in self._children(at):
            for part in self._products(rule, child):
                # x == 1 || x == 2 is one set of classes of x; none of a, or none of b, is not one of elements.
                key = next(iter(part.sets)) if len(part.sets) == 1 and not part.rest else NONE_OF
                if key % 4 != NONE_OF and key in alone:
                    mine, other = self.sets[alone[key].sets[key]][1], self.sets[part.sets[key]][1]
                    alone[key].sets[key] = self._set(key, unite(mine, other))
                    continue
                alone[key] = part
                products.append(part)
                if len(products) > PRODUCTS_MAX:
                    return [Conjunction(rule, {}, (at,))]
        return products

    def _children(self, at: int) -> Iterable[int]:
        child, behind = at + 1, self.formulas[at][2]
        while child < behind:
            yield child
            kind, _, link = self.formulas[child]
            child = child + 1 if kind == _LEAF else link

    def _multiply(self, product: Conjunction, part: Conjunction) -> Conjunction | None:
        """Both; None when they can't both hold."""
        both = Conjunction(product.rule, dict(product.sets), product.rest + part.rest)
        for key, number in part.sets.items():
            if not self._add(both, key, number):
                return None
        return both

    def _add(self, product: Conjunction, key: int, number: int) -> bool:
        """Asks one thing more; False when that can't hold with what is asked already."""
        sets = product.sets
        other = {ANY: key + 1, ANY_TOO: key - 1}.get(key % 4, key)
        if key not in sets:
            sets[key] = number
        elif key == other:
            both = self._combine(key, sets[key], number)
            if both is None:
                return False
            sets[key] = both
        elif other not in sets:
            sets[other] = self._set(other, self.sets[number][1])
        else:
            product.rest += (_WHOLE,)
        return True

    def _combine(self, key: int, some: int, others: int) -> int | None:
        """The set of classes in both, or of the elements of which none may be there."""
        pair = (some, others)
        if pair not in self._both:
            how = unite if key % 4 == NONE_OF else intersect
            runs = how(self.sets[some][1], self.sets[others][1])
            self._both[pair] = self._set(key, runs) if runs else None
        return self._both[pair]

    def _leaf(self, predicate: int, wanted: int) -> tuple[int, int]:
        """Key and number of what a leaf asks."""
        if (predicate, wanted) not in self._asked:
            self._asked[predicate, wanted] = self._key_and_set(self.columns.asked(predicate, bool(wanted)))
        return self._asked[predicate, wanted]

    def _key_and_set(self, asked: Asked) -> tuple[int, int]:
        key = 4 * asked.column + {TestKind.T_CLASS: CLASS, TestKind.T_ANY: ANY, TestKind.T_NONE: NONE_OF}[asked.kind]
        return key, self._set(key, asked.runs)

    def _set(self, key: int, runs: Runs) -> int:
        number = self._set_of.get((key, runs))
        if number is None:
            number = self._set_of[key, runs] = len(self.sets)
            self.sets.append((key, runs))
            if not runs:
                self._impossible.add(number)
        return number
