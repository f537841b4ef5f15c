"""From expressions to the statements of a loop's body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import DType
from tensorplug_dispatcher.expr import Expr, expand_intrinsics, nodes

from .language import Language


class Body:
    """The statements that compute ``roots`` for one element, and those that come once, before the loop.

    ``leaves`` gives the source text of each arg and param. Nodes that are the same for all elements are
    computed before the loop, in float64 where the element type is floating and the language has it. With
    ``general`` set, operations that have a fast form for moderate operands are written in their general form.
    """

    def __init__(
        self,
        language: Language,
        roots: Sequence[Expr],
        dtype: DType,
        leaves: Mapping[str, str],
        general: bool = False,
    ) -> None:
        self.language = language
        self.dtype = dtype
        self.leaves = leaves
        self.general = general
        self.once: list[str] = []
        self.lines: list[str] = []
        self.checks: list[tuple[str, int]] = []  # condition under which the kernel fails, and its error code
        self.moderate: list[str] = []  # conditions under which the fast forms may be used
        self._texts: dict[int, str] = {}
        self._wide_texts: dict[int, str] = {}
        known = set(language.templates(dtype))
        expanded = [expand_intrinsics(root, known) for root in roots]
        for node in nodes(expanded):
            if node.is_uniform:
                self._uniform(node)
            else:
                self._node(node)
        self.results = [self._texts[id(root)] for root in expanded]

    def _uniform(self, node: Expr) -> None:
        has_wide = self.dtype.is_floating_point and "float64" in self.language.types
        wide = dtypes.float64 if has_wide else self.dtype
        if node.op == "const":
            text = self.language.literal(node.value, wide)
            self._texts[id(node)] = self.language.literal(node.value, self.dtype)
            self._wide_texts[id(node)] = text
            return
        if node.op == "param":
            text = self.leaves[node.value]
        else:
            operands = [self._wide_texts[id(a)] for a in node.args]
            logical = all(a.is_boolean for a in node.args)
            text = self._apply(node.op, operands, dtypes.bool_ if logical else wide)
        name = f"u{len(self.once)}"
        if node.is_boolean:
            self.once.append(f"const {self.language.truth} {name} = ({self.language.truth})({text});")
            self._texts[id(node)] = self._wide_texts[id(node)] = name
            return
        wide_type, type_ = self.language.types[wide.name], self.language.types[self.dtype.name]
        self.once.append(f"const {wide_type} {name} = {text};")
        self._texts[id(node)] = f"({type_}){name}"
        self._wide_texts[id(node)] = name

    def _node(self, node: Expr) -> None:
        if node.op == "arg":
            self._texts[id(node)] = self.leaves[node.value]
            return
        operands = [self._texts[id(a)] for a in node.args]
        boolean = node.is_boolean
        type_ = (
            self.language.truth
            if boolean
            else self.language.types[(node.value if node.op == "cast" else self.dtype).name]
        )
        if node.op == "cast":
            text = f"({type_}){operands[0]}"
        else:
            logical = boolean and bool(node.args) and all(a.is_boolean for a in node.args)
            text = self._apply(node.op, operands, dtypes.bool_ if logical else self.dtype)
            self._guards(node.op, operands)
        name = f"v{len(self.lines)}"
        self.lines.append(f"const {type_} {name} = ({type_})({text});")
        self._texts[id(node)] = name

    def _apply(self, op: str, operands: Sequence[str], dtype: DType) -> str:
        template = self.language.templates(dtype)[op]
        if self.general and op in self.language.moderate.get(dtype.name, {}):
            template = template.replace("_{D}", "_{D}" + self.language.moderate[dtype.name][op][1])
        return template.format(*operands, T=self.language.types[dtype.name], D=dtype.name)

    def _guards(self, op: str, operands: Sequence[str]) -> None:
        if op in self.language.fallible and not self.dtype.is_floating_point:
            condition, code = self.language.fallible[op]
            self.checks.append((condition.format(*operands), code))
        moderate = self.language.moderate.get(self.dtype.name, {})
        if op in moderate:
            self.moderate.append(moderate[op][0].format(*operands))

    def uses(self, name: str) -> bool:
        """Whether a leaf of this source text is read by the loop."""
        pattern = re.compile(rf"\b{re.escape(name)}\b")
        return any(pattern.search(line) for line in self.lines)
