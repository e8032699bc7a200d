"""The same expression for everybody at one moment, without the joins that only a choice of people needs.

A lane judges a list of people: it joins the scope to the people's columns, and every event to its person's clock. Where
everybody is judged by one clock, both are detours over as many rows as there are people: the scope can carry the
columns itself, and the clock is one row. This rewrites the rendered tree where it finds exactly these two joins, and
leaves alone what it does not know, for `scope` and `people` are there as ever.
"""

import ibis.expr.types as ir
import sqlglot.expressions as sge

from profiles.facts.postgres import NOW, ctes_of, escaped, fenced, people_columns, tree_of
from profiles.facts.relations import Reading

_MOMENT = f"moment AS NOT MATERIALIZED (SELECT NULL::bigint AS profile_id, {NOW} AS now)"


def everybody(*, reading: Reading, expression: ir.Table, zone: str) -> str:
    """The whole statement over everybody who is not merged away; it takes `%(now)s`, and `%(ids)s` as None."""
    tree = tree_of(expression)
    for join in list(tree.find_all(sge.Join)):
        _one_clock(join)
        _one_scan(join)
    columns = [f"p.id AS profile_id, {NOW} AS now, p.id AS person_id", *people_columns(reading, zone)]
    scope = (
        f"scope AS NOT MATERIALIZED (\n  SELECT {', '.join(columns)}\n  FROM profile p WHERE p.merged_into IS NULL\n)"
    )
    _, *others = ctes_of(reading, zone)
    return "WITH " + ",\n".join([scope, _MOMENT, *others]) + f"\nSELECT * FROM (\n{escaped(fenced(tree))}\n) body"


def _one_clock(join: sge.Join) -> None:
    """Turn the join of events with everybody's clock into one with the only clock."""
    select = _select_from(join.this, "scope")
    if select is None or join.side or "clock_id" not in select.named_selects or join.parent is None:
        return
    uses = [one for one in join.parent.find_all(sge.Column) if one.table == join.this.alias and one.name == "clock_id"]
    table = select.find(sge.Table)
    if len(uses) == 1 and table is not None:  # used in the condition of the join alone
        table.set("this", sge.to_identifier("moment", quoted=True))
        join.set("on", None)
        join.set("kind", "CROSS")


def _one_scan(join: sge.Join) -> None:
    """Take the people's columns from the scope, where the scope is joined to them."""
    select, parent = _select_from(join.this, "people"), join.parent
    if select is None or join.side != "LEFT" or not isinstance(parent, sge.Select):
        return
    scope = parent.args["from_"].this if "from_" in parent.args else parent.args["from"].this
    if not isinstance(scope, sge.Table) or scope.name != "scope":
        return
    alias = join.this.alias
    join.pop()
    for column in parent.find_all(sge.Column):
        if column.table == alias:
            column.set("table", sge.to_identifier(scope.alias, quoted=True))


def _select_from(node: sge.Expression, table: str) -> sge.Select | None:
    """The select within a subquery that reads this one table and nothing else."""
    if not isinstance(node, sge.Subquery) or not isinstance(node.this, sge.Select):
        return None
    tables = list(node.this.find_all(sge.Table))
    return node.this if [one.name for one in tables] == [table] else None
