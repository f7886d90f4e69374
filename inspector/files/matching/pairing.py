"""Pair the modules of a file with those of a model: names first, then structure.

By names: votes say which part of the file is which part of the model; from there down, children of the same name are
pairs, and numbered children are aligned as sequences. By structure: what is left below a pair, and at last anywhere, is
paired where its form is on each side once.
"""

from collections.abc import Iterable, Sequence

from inspector.files.matching import sequences
from inspector.files.matching.ambiguity import ambiguities, ambiguity, leftovers
from inspector.files.matching.likeness import (
    families,
    is_reshaped_alone,
    likeness,
    order,
    same_meaning,
    shared_with_free,
    strong,
)
from inspector.files.matching.namesakes import names_say_all, namesakes
from inspector.files.matching.records import Ambiguity
from inspector.files.matching.transferring import Fit, fit
from inspector.files.matching.tree import Leaf, Node
from inspector.files.matching.votes import Path, votes
from inspector.files.part_kinds import is_average

_ROUNDS = 12
_ALIKE = 0.5
_BY_NAME, _BY_ORDER, _BY_FORM, _ANYWHERE, _GUESSED = 1.0, 0.95, 0.9, 0.8, 0.5
_MOST_COMPARED = 48


class Pairing:
    """The pairs found so far between two trees, with how sure each is."""

    def __init__(self, file: Node, model: Node, allow: frozenset[str]) -> None:
        self.file, self.model, self.allow = file, model, allow
        self.fits: list[tuple[Fit, float]] = []
        self.clashes: dict[Leaf, Leaf] = {}
        """Leaf of the model → the file's of the same place, with a shape that does not fit."""
        self.ambiguous: list[Ambiguity] = []
        self.pairs: list[tuple[Node, Node, float]] = []
        """Modules of the file and of the model taken for each other, with how sure that is."""
        self._tried: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Pair all that can be."""
        if self.file.form == self.model.form and self.file.bag() == self.model.bag():
            self._pair(self.file, self.model, _BY_NAME)
        same = namesakes(self.file, self.model)
        if names_say_all(self.file, self.model, same):
            self._match_all(same)
        for _ in range(4):
            left = self.model.open
            self._by_votes()
            self._match_all(namesakes(self.file, self.model))
            done = 0
            while done < len(self.pairs):
                self._below_a_pair(*self.pairs[done])
                done += 1
            self._anywhere()
            if not self.model.open or self.model.open == left:
                break
        self.ambiguous.extend(leftovers(self.file, self.model))

    def _by_votes(self) -> None:
        for _ in range(_ROUNDS):
            if not self.file.open or not self.model.open or not self._best_vote():
                break
        self._try(self.file, self.model, _BY_NAME)

    def _best_vote(self) -> bool:
        counted = votes(self.file, self.model)
        for front, front_of_model, count in counted[:_ROUNDS]:
            if "#" in front or "#" in front_of_model:
                if self._try(self.file, self.model, _BY_NAME):
                    return True
                continue
            x, y = self.file.at(front), self.model.at(front_of_model)
            if x is None or y is None or 2 * count < min(x.open, y.open):
                continue
            if self._have_namesakes(front, front_of_model):
                continue
            called_so = self.file.at(front_of_model)
            if front != front_of_model and called_so is not None and (same := namesakes(called_so, y)):
                self._match_all(same)
                return True
            rivals = [
                (other, other_of_model)
                for other, other_of_model, others in counted
                if others == count and (other == front) != (other_of_model == front_of_model)
            ]
            if rivals:
                x, y = self._settle(x, y, rivals)
            if self._try(x, y, _BY_NAME):
                return True
        return False

    def _have_namesakes(self, front: Path, front_of_model: Path) -> bool:
        """Whether both sides have both parts by name, as layer1 and layer2, so that neither is the other renamed."""
        apart = bool(front and front_of_model) and front != front_of_model
        return apart and self.model.at(front) is not None and self.file.at(front_of_model) is not None

    def _settle(self, x: Node, y: Node, rivals: list[tuple[Path, Path]]) -> tuple[Node, Node]:
        """Of parts with equally many votes, the one that is no average; ambiguous where that does not tell."""
        xs = [x, *(node for front, _ in rivals if (node := self.file.at(front)) and node is not x)]
        ys = [y, *(node for _, front in rivals if (node := self.model.at(front)) and node is not y)]
        if any("#" in path for pair in rivals for path in pair):
            return x, y
        plain = [node for node in xs if not is_average(node.path)]
        if len(plain) == 1 and len(ys) == 1:
            return plain[0], y
        if len(xs) > 1 or len(ys) > 1:
            self._say_ambiguous(xs, ys, "the file or the model has several such parts")
        return xs[0], ys[0]

    def _try(self, x: Node, y: Node, confidence: float) -> bool:
        if (id(x), id(y)) in self._tried:
            return False
        self._pair(x, y, confidence)
        return True

    def _pair(self, x: Node, y: Node, confidence: float) -> None:
        """Take `x` for `y`: pair their leaves, and their children of the same name or place."""
        self._tried.add((id(x), id(y)))
        self.pairs.append((x, y, confidence))
        for role, leaf in x.leaves.items():
            other = y.leaves.get(role)
            if other is not None:
                self._match(leaf, other, confidence)
        ys = families(y.children.values())
        for stem, members in families(x.children.values()).items():
            if stem in ys:
                self._pair_family(members, ys[stem], confidence)

    def _pair_family(self, xs: list[Node], ys: list[Node], confidence: float) -> None:
        names, names_of_model = [node.token for node in xs], [node.token for node in ys]
        if names == names_of_model:
            for x, y in zip(xs, ys, strict=True):
                self._pair(x, y, confidence)
            return
        xs, ys = [x for x in xs if x.open or not x.size], [y for y in ys if y.open or not y.size]
        names, names_of_model = [node.token for node in xs], [node.token for node in ys]
        found = sequences.align(names, names_of_model, lambda i, j: likeness(xs[i], ys[j]))
        unsure = {xs[i].form for i, _, rivals in found if rivals}
        for form in unsure:
            like, like_of_model = ([n for n in _siblings(side) if n.form == form and n.open] for side in (xs, ys))
            self._say_ambiguous(like, like_of_model, "several places fit in this order")
        for i, j, _ in found:
            self._pair(xs[i], ys[j], confidence if names[i] == names_of_model[j] else min(confidence, _BY_ORDER))
        taken_x, taken_y = {pair.first for pair in found}, {pair.second for pair in found}
        place = {name: j for j, name in enumerate(names_of_model) if j not in taken_y}
        for i, x in enumerate(xs):
            if i not in taken_x and x.token in place:
                self._pair(x, ys[place[x.token]], confidence)

    def _match_all(self, pairs: Iterable[tuple[Leaf, Leaf]]) -> None:
        for leaf, other in pairs:
            self._match(leaf, other, _BY_NAME)

    def _match(self, leaf: Leaf, other: Leaf, confidence: float) -> bool:
        if leaf.partner or other.partner:
            return False
        fits = fit(leaf, other, self.allow)
        if fits is None:
            self.clashes.setdefault(other, leaf)
            return False
        leaf.partner, other.partner = other, leaf
        self.fits.extend((one, confidence) for one in fits)
        for one in (leaf, other):
            node: Node | None = None if one.benign else one.node
            while node is not None:
                node.open -= 1
                node = node.parent
        return True

    def _below_a_pair(self, x: Node, y: Node, confidence: float) -> None:
        """Pair by structure the children that no name paired."""
        if not x.open or not y.open:
            return
        xs, ys = self._left(x, y), self._left(y, x)
        self._families_by_form(xs, ys, confidence)
        self._nodes_by_form(xs, ys, confidence)
        self._by_likeness(xs, ys, confidence)
        self._spliced(x, y, confidence)
        self._leaves_by_shape(x, y, confidence)

    def _left(self, node: Node, other: Node) -> list[Node]:
        """Untouched children of which the other side has none of the same name."""
        return [
            child for name, child in node.children.items() if child.untouched and not _is_open(other.children.get(name))
        ]

    def _families_by_form(self, xs: Sequence[Node], ys: Sequence[Node], confidence: float) -> None:
        """A numbered family (layer0 … layer11) with one of other names, member by member."""
        by_form: dict[tuple[int, ...], tuple[list[list[Node]], list[list[Node]]]] = {}
        for side, nodes in enumerate((xs, ys)):
            for members in families(nodes).values():
                if len(members) > 1:
                    by_form.setdefault(tuple(node.form for node in members), ([], []))[side].append(members)
        for from_file, of_model in by_form.values():
            if len(from_file) == len(of_model) == 1:
                for x, y in zip(from_file[0], of_model[0], strict=True):
                    self._pair(x, y, min(confidence, _BY_FORM))

    def _nodes_by_form(self, xs: Iterable[Node], ys: Iterable[Node], confidence: float) -> None:
        by_form: dict[int, tuple[list[Node], list[Node]]] = {}
        for side, nodes in enumerate((xs, ys)):
            for node in nodes:
                if node.untouched:
                    by_form.setdefault(node.form, ([], []))[side].append(node)
        for from_file, of_model in by_form.values():
            if not from_file or not of_model:
                continue
            if len(from_file) == len(of_model) == 1:
                x, y = from_file[0], of_model[0]
                if strong(x) and not is_reshaped_alone(x, y):
                    self._pair(x, y, min(confidence, _BY_FORM))
                else:
                    self._say_ambiguous([x], [y], "only the shape of one tensor speaks for it")
                continue
            for x, y in list(same_meaning(from_file, of_model)):
                self._pair(x, y, min(confidence, _BY_FORM))
                from_file.remove(x)
                of_model.remove(y)
            if not from_file or not of_model:
                continue
            self._say_ambiguous(from_file, of_model, "these parts look the same, and their names do not tell")
            if len(from_file) == len(of_model):
                for x, y in zip(order(from_file), order(of_model), strict=True):
                    self._pair(x, y, _GUESSED)

    def _by_likeness(self, xs: Sequence[Node], ys: Sequence[Node], confidence: float) -> None:
        """Renamed parts that are not quite the same, by what is below them."""
        xs = [x for x in xs if x.untouched and strong(x)][:_MOST_COMPARED]
        ys = [y for y in ys if y.untouched and strong(y)][:_MOST_COMPARED]
        scores = {(i, j): likeness(x, y) for i, x in enumerate(xs) for j, y in enumerate(ys)}
        for (i, j), score in sorted(scores.items(), key=lambda item: -item[1]):
            if score < _ALIKE:
                break
            if not xs[i].untouched or not ys[j].untouched or is_reshaped_alone(xs[i], ys[j]):
                continue
            rivals = [k for k, x in enumerate(xs) if k != i and x.untouched and scores[k, j] >= score]
            others = [k for k, y in enumerate(ys) if k != j and y.untouched and scores[i, k] >= score]
            if rivals or others:
                self._say_ambiguous(
                    [xs[i], *(xs[k] for k in rivals)], [ys[j], *(ys[k] for k in others)], "these parts look the same"
                )
            self._pair(xs[i], ys[j], _GUESSED if rivals or others else min(confidence, _BY_FORM))

    def _spliced(self, x: Node, y: Node, confidence: float) -> None:
        """A level that only one side has: children of `x` below a child of `y`, or the other way round."""
        for outer, other, turned in ((y, x, False), (x, y, True)):
            for child in [node for node in outer.children.values() if node.untouched and strong(node)][:_MOST_COMPARED]:
                if 2 * shared_with_free(child, other) > child.size:
                    pair = (child, other) if turned else (other, child)
                    if not is_reshaped_alone(*pair):
                        self._try(*pair, min(confidence, _BY_FORM))
        for one, other, turned in ((x, y, False), (y, x, True)):
            if len(one.children) == 1 and not one.leaves and one.open and other.open:
                (child,) = one.children.values()
                if not strong(child):
                    continue
                pair = (other, child) if turned else (child, other)
                if not is_reshaped_alone(*pair):
                    self._try(*pair, min(confidence, _BY_FORM))

    def _leaves_by_shape(self, x: Node, y: Node, confidence: float) -> None:
        """Tensors of renamed parameters, where each side has one of that shape."""
        by_shape: dict[object, tuple[list[Leaf], list[Leaf]]] = {}
        for side, (node, other) in enumerate(((x, y), (y, x))):
            for role, leaf in node.leaves.items():
                if leaf.is_free and role not in other.leaves and leaf.shape and "#" not in role:
                    by_shape.setdefault(leaf.shape, ([], []))[side].append(leaf)
        for from_file, of_model in by_shape.values():
            if not from_file or not of_model:
                continue
            big = sum(size > 1 for size in from_file[0].shape or ()) > 1
            if len(from_file) == len(of_model) == 1 and big:
                self._match(from_file[0], of_model[0], min(confidence, _ANYWHERE))
                continue
            self.ambiguous.append(ambiguity(from_file, of_model, "only their shapes speak for it"))

    def _anywhere(self) -> None:
        """Parts that moved: a form that is left once on each side, the largest first."""
        if not self.file.open or not self.model.open:
            return
        by_form: dict[int, tuple[list[Node], list[Node]]] = {}
        for side, root in enumerate((self.file, self.model)):
            for node in root.nodes():
                # A tensor alone has nothing but its shape that could speak for it.
                if node.untouched and node.size > 1:
                    by_form.setdefault(node.form, ([], []))[side].append(node)
        for from_file, of_model in sorted(
            by_form.values(), key=lambda pair: -max(n.size for n in (*pair[0], *pair[1]))
        ):
            if len(from_file) == len(of_model) == 1 and from_file[0].untouched and of_model[0].untouched:
                self._try(from_file[0], of_model[0], _ANYWHERE)

    def _say_ambiguous(self, xs: Sequence[Node], ys: Sequence[Node], why: str) -> None:
        self.ambiguous.extend(ambiguities(xs, ys, why))


def _is_open(node: Node | None) -> bool:
    return node is not None and node.open > 0


def _siblings(nodes: Sequence[Node]) -> Iterable[Node]:
    parent = nodes[0].parent
    return parent.children.values() if parent else nodes
