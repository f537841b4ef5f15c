"""The table calls an op with each set of its optional operands, or at least with any two of them."""

from __future__ import annotations

from itertools import combinations

import pytest

from tensorplug_dispatcher.ops import OPS

OPTIONAL = {
    name: [p.name for p in op.parameters if p.kind == "Tensor?"]
    for name, op in OPS.items()
    if op.samples is not None and any(p.kind == "Tensor?" for p in op.parameters)
}
# what is known of another operand already, which a sample's random numbers do not know
KNOWN = "weight_sum"


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_operands_are_given_and_left_out(name: str) -> None:
    op, places = OPS[name], [p.name for p in OPS[name].parameters]
    assert op.samples is not None
    given = [
        {n for n in OPTIONAL[name] if places.index(n) < len(s.args) and s.args[places.index(n)] is not None}
        for s in op.samples()
    ]
    wanted = [n for n in OPTIONAL[name] if n != KNOWN]
    for one in wanted:
        assert any(one in g for g in given) and any(one not in g for g in given), one
    for pair in combinations(wanted, 2):
        assert any(set(pair) <= g for g in given), f"no sample has both {pair}"
    if len(wanted) == 2:
        for one in wanted:
            assert any(g & set(wanted) == {one} for g in given), f"no sample has {one} alone"
