"""Plans without a database: what they may hold, how they judge, what is learned, and how they come back."""

import json
import os
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.ingest.incoming import ClockFlag, IncomingEvent, Kind
from profiles.plans import enforcement, iglu, learning, plan, schemas, segment, tables
from profiles.plans.checking import CompiledPlan
from profiles.plans.enforcement import Enforcement, OnViolation, TermsInvalid
from profiles.plans.learning import Habits, Seen
from profiles.plans.plan import Call, PlanInvalid, Rule

#: CDP_EXAMPLES=1000 looks longer.
EXAMPLES = int(os.environ.get("CDP_EXAMPLES", "50"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(properties: dict[str, Any], *, name: str = "E", kind: Kind = Kind.TRACK, **more: Any) -> IncomingEvent:
    told = {
        "position": 0, "message_id": "m", "kind": kind, "name": name, "user_id": "u", "anonymous_id": None,
        "previous_id": None, "group_id": None, "traits": {}, "properties": properties, "context": {}, "consent": None,
        "original_at": NOON, "sent_at": None, "ts": NOON, "received_at": NOON, "clock_flag": ClockFlag.AS_GIVEN,
    }  # fmt: skip
    return IncomingEvent(**told | more)


def of(schema: dict[str, Any], *, key: str = "E", **more: Any) -> dict[str, Any]:
    return {"type": "TRACK", "key": key, "version": 1, "jsonSchema": schema, **more}


def about(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"properties": {"type": "object", "properties": properties, **more}}}


# -- what a plan may hold ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"requird": ["a"]}, "jsonSchema.requird"),
        ({"properties": {"a": {"pattern": "^(?!x)"}}}, "jsonSchema.properties.a.pattern"),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, "jsonSchema.properties.a.pattern"),
        ({"patternProperties": {"(?=x)": {}}}, "jsonSchema.patternProperties"),
        ({"pattern": "x" * 1001}, "jsonSchema.pattern"),
        ({"$ref": "http://example.com/schema"}, "jsonSchema.$ref"),
        ({"$ref": "#"}, "jsonSchema.$ref"),
        ({"$ref": "#/definitions/a"}, "jsonSchema.$ref"),
        ({"$ref": "#/definitions/a", "definitions": {"a": {"items": {"$ref": "#/definitions/a"}}}}, "items.$ref"),
        ({"type": "text"}, "jsonSchema.type"),
        ({"required": "a"}, "jsonSchema.required"),
        ({"properties": {"a": 1}}, "jsonSchema.properties.a"),
        ({"format": "postcode"}, "jsonSchema.format"),
        ({"minimum": "1"}, "jsonSchema.minimum"),
        ([], "jsonSchema"),
    ],
)
def test_a_schema_that_a_plan_may_not_hold_is_refused_with_its_place(schema, field):
    with pytest.raises(PlanInvalid) as refused:
        plan.read({"rules": [of(schema)]})
    (fault,) = refused.value.faults
    assert fault.field.startswith("rules[0].") and fault.field.endswith(field)


def test_a_few_lines_that_unfold_into_millions_of_checks_are_refused():
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for n in range(1, 30):
        definitions[f"d{n}"] = {"allOf": [{"$ref": f"#/definitions/d{n - 1}"}] * 2}
    with pytest.raises(PlanInvalid, match="unfold"):
        plan.read({"rules": [of({"$ref": "#/definitions/d29", "definitions": definitions})]})


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("text", "rules[0]"),
        ({**of({}), "type": "ALIAS"}, "rules[0].type"),
        ({**of({}), "type": ["TRACK"]}, "rules[0].type"),
        ({**of({}), "key": " "}, "rules[0].key"),
        ({**of({}), "key": 5}, "rules[0].key"),
        ({**of({}), "version": True}, "rules[0].version"),
        ({**of({}), "version": 0}, "rules[0].version"),
        ({**of({}), "colour": "red"}, "rules[0].colour"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_place(rule, field):
    with pytest.raises(PlanInvalid) as refused:
        plan.read({"rules": [rule]})
    assert refused.value.faults[0].field == field


def test_two_rules_of_one_event_and_version_are_refused_and_of_two_versions_taken():
    with pytest.raises(PlanInvalid, match="another rule"):
        plan.read({"rules": [of({}), of({})]})
    identify = {"type": "IDENTIFY", "key": "one", "version": 1, "jsonSchema": {}}
    with pytest.raises(PlanInvalid, match="another rule"):
        plan.read({"rules": [identify, {**identify, "key": "two"}]})
    assert len(plan.read({"rules": [of({}), of({}, version=2)]})) == 2


def test_a_pattern_that_would_hang_a_backtracking_engine_is_matched_at_once():
    compiled = CompiledPlan(plan.read({"rules": [of(about({"a": {"pattern": "^(a+)+$"}}))]}))
    judged = compiled.judge(event({"a": "a" * 5_000 + "!"}), Enforcement())
    assert judged is not None and judged.findings[0].field == "properties.a"


# -- judging ----------------------------------------------------------------------------------------------------------
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["", "a", "abc", "2026-03-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from("abc")
_types = st.sampled_from(["string", "number", "integer", "boolean", "array", "object", "null"])
_schemas = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {}, optional={"type": _types, "minimum": st.integers(-3, 3), "maxLength": st.integers(0, 3)}
    )
    | st.fixed_dictionaries({}, optional={"enum": st.lists(_values, min_size=1, max_size=3, unique_by=repr)})
    | st.fixed_dictionaries({}, optional={"const": _values, "pattern": st.sampled_from(["^a", "c$", "."])}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(_names, inner, max_size=3),
            "required": st.lists(_names, max_size=2, unique=True),
            "additionalProperties": inner,
            "items": inner | st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "minItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "dependencies": st.dictionaries(_names, inner | st.lists(_names, min_size=1, max_size=1), max_size=1),
            "if": inner,
            "then": inner,
        },
    ),
    max_leaves=8,
)


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(schema=_schemas.filter(lambda schema: isinstance(schema, dict)), value=_values)
def test_the_compiled_validators_say_what_the_reference_implementation_says(schema, value):
    assert not list(schemas.faults(schema, "s"))
    expected = jsonschema.Draft7Validator(schema).is_valid(value)
    assert schemas.compiled(schema).is_valid(value) is expected


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    properties=st.dictionaries(_names, _schemas, max_size=3),
    said=st.dictionaries(_names, _values, max_size=3),
)
def test_what_is_left_after_omitting_breaks_no_property_of_the_plan_any_more(properties, said):
    compiled = CompiledPlan(plan.read({"rules": [of(about(properties))]}))
    judged = compiled.judge(event(said), Enforcement(violation=OnViolation.OMIT))
    left = {name: value for name, value in said.items() if judged is None or name not in judged.omits}
    after = compiled.judge(event(left), Enforcement())
    assert after is None or {found.type for found in after.findings} == {"Unplanned Property"}
    assert judged is None or set(judged.omits) <= said.keys()


def test_an_explicitly_open_schema_plans_every_name_and_a_pattern_those_it_matches():
    for more, expected in (
        ({"additionalProperties": True}, None),
        ({"patternProperties": {"^x_": {}}}, "properties.y"),
    ):
        compiled = CompiledPlan(plan.read({"rules": [of(about({"a": {}}, **more))]}))
        judged = compiled.judge(event({"a": 1, "x_1": 1, "y": 1}), Enforcement())
        found = None if judged is None else judged.findings[0].field
        assert found == expected


def test_a_closed_schema_finds_the_names_nobody_listed_and_no_broken_value():
    compiled = CompiledPlan(plan.read({"rules": [of(about({"a": {}}, additionalProperties=False))]}))
    judged = compiled.judge(event({"a": 1, "y": 1}), Enforcement(violation=OnViolation.BLOCK))
    assert judged is not None and not judged.is_blocked
    assert [(found.type, found.field) for found in judged.findings] == [("Unplanned Property", "properties.y")]


def test_calls_without_a_rule_of_their_kind_are_none_of_the_plans_business():
    compiled = CompiledPlan(plan.read({"rules": [of({})]}))
    for kind in (Kind.IDENTIFY, Kind.PAGE, Kind.GROUP, Kind.ALIAS):
        assert compiled.judge(event({"x": 1}, kind=kind, name="$x"), Enforcement()) is None


def test_names_listed_through_references_and_in_branches_are_planned():
    schema = {
        "type": "object",
        "definitions": {"part": {"properties": {"a": {}}}},
        "properties": {"properties": {"allOf": [{"$ref": "#/definitions/part"}, {"properties": {"b": {}}}]}},
    }
    compiled = CompiledPlan(plan.read({"rules": [of(schema)]}))
    assert compiled.judge(event({"a": 1, "b": 2}), Enforcement()) is None
    judged = compiled.judge(event({"c": 1}), Enforcement())
    assert judged is not None and judged.findings[0].field == "properties.c"


# -- what a source states ---------------------------------------------------------------------------------------------
def test_a_sources_terms_come_back_as_they_were_stated_and_what_is_left_out_is_allowed():
    terms = enforcement.read({"name": "Shop"})
    assert enforcement.read(enforcement.spell(terms)) == terms
    assert terms.enforcement == Enforcement() and terms.enabled


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "name"),
        ({"name": "S", "kind": "cow"}, "kind"),
        ({"name": "S", "priority": 1.5}, "priority"),
        ({"name": "S", "enabled": "yes"}, "enabled"),
        ({"name": "S", "enforcement": {"unplanned_event": "omit"}}, "enforcement.unplanned_event"),
        ({"name": "S", "enforcement": {"unplanned_events": "block"}}, "enforcement.unplanned_events"),
        ({"name": "S", "colour": "red"}, "colour"),
        ([], ""),
    ],
)
def test_terms_that_say_nothing_sensible_are_refused_with_their_place(content, field):
    with pytest.raises(TermsInvalid) as refused:
        enforcement.read(content)
    assert refused.value.faults[0].field == field


# -- learning ---------------------------------------------------------------------------------------------------------
def test_a_plan_learned_from_events_lists_their_names_types_and_what_is_always_there():
    seen = [
        Seen(Kind.TRACK, "Order", {"id": f"o{n}", "total": n + 0.5 * (n % 2), "at": "2026-03-01T12:00:00Z"}, n)
        for n in range(10)
    ]
    seen += [Seen(Kind.TRACK, "Order", {"id": "x", "total": 1, "at": "2026-03-01T12:00:00Z", "gift": None}, 99)]
    seen += [Seen(Kind.IDENTIFY, "$identify", {"plan": "free"}, 1), Seen(Kind.ALIAS, "$alias", {}, 1)]
    rules = learning.learn(seen, Habits())
    assert [(rule.call, rule.key) for rule in rules] == [(Call.TRACK, "Order"), (Call.IDENTIFY, "")]
    inside = rules[0].schema["properties"]["properties"]
    assert inside["required"] == ["at", "id", "total"]
    assert inside["properties"]["total"] == {"type": "number"}
    assert inside["properties"]["at"] == {"type": "string", "format": "date-time"}
    assert inside["properties"]["gift"] == {"type": "null"}
    compiled = CompiledPlan(plan.read(plan.spell(rules)))
    for one in seen[:10]:
        assert compiled.judge(event(dict(one.properties), name="Order"), Enforcement()) is None


def test_values_are_listed_only_where_many_people_share_each_of_them():
    def learned(people: int, values: list[str]) -> dict[str, Any]:
        seen = [Seen(Kind.TRACK, "E", {"v": value}, person) for value in values for person in range(people)]
        return learning.learn(seen, Habits())[0].schema["properties"]["properties"]["properties"]["v"]

    assert learned(20, ["EUR", "USD"]) == {"type": "string", "enum": ["EUR", "USD"]}
    assert learned(19, ["EUR", "USD"]) == {"type": "string"}
    assert learned(20, [f"v{n}" for n in range(11)]) == {"type": "string"}
    assert learned(20, ["x" * 41]) == {"type": "string"}


def test_a_share_below_all_makes_nearly_always_required():
    seen = [Seen(Kind.TRACK, "E", {"a": 1} if n else {}, n) for n in range(100)]
    part = learning.learn(seen, Habits(required_share=0.99))[0].schema["properties"]["properties"]
    assert part["required"] == ["a"]
    part = learning.learn(seen, Habits())[0].schema["properties"]["properties"]
    assert "required" not in part


# -- forms ------------------------------------------------------------------------------------------------------------
_keys = st.sampled_from(["Sign Up", "sign-up", "sign_up", "Ünïcode ☃", "Order Completed", "日本"])
_rules = st.builds(
    Rule,
    call=st.sampled_from(list(Call)),
    key=_keys,
    version=st.integers(1, 4),
    schema=st.one_of(
        st.dictionaries(_names, _schemas, max_size=3).map(about),
        st.dictionaries(_names, _schemas, max_size=3).map(
            lambda named: {"type": "object", "properties": {"traits": {"type": "object", "properties": named}}}
        ),
        st.just({}),
        st.just({"type": "object", "required": ["userId"], "properties": {"context": {"required": ["app"]}}}),
        st.just({"definitions": {"d": {"type": "string"}}, "properties": {"properties": {"$ref": "#/definitions/d"}}}),
    ),
    deprecated_at=st.sampled_from(["", "2026-01-01T00:00:00Z"]),
)
_plans = st.lists(_rules, max_size=6, unique_by=lambda rule: (rule.call, rule.name, rule.version)).map(tuple)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules=_plans)
def test_a_plan_comes_back_from_segments_form_as_it_went(rules):
    page = json.loads(json.dumps(segment.page(rules, made_at=NOON)))
    assert page["data"]["pagination"]["totalEntries"] == len(rules)
    assert segment.rules(page) == segment.rules(page["data"]["rules"]) == rules


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules=_plans.filter(bool))
def test_a_plan_comes_back_from_iglus_form_as_it_went(rules):
    listed = json.loads(json.dumps(iglu.listed(rules, vendor="org.plan.web")))
    assert iglu.is_iglu(listed)
    assert iglu.rules(listed) == rules
    packed = iglu.packed(rules, vendor="org.plan.web")
    assert sorted(iglu.rules(iglu.unpacked(packed)), key=repr) == sorted(rules, key=repr)
    assert packed == iglu.packed(rules, vendor="org.plan.web")


def test_segments_own_rules_are_read_with_what_they_carry_along():
    theirs = {
        "type": "TRACK", "key": "Order Completed", "version": 1, "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z", "deprecatedAt": None,
        "jsonSchema": {
            "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "labels": {}, "title": "Order",
            "properties": {
                "context": {}, "traits": {},
                "properties": {"type": "object", "required": ["id"], "properties": {"id": {
                    "id": "/properties/properties/properties/id", "type": "string", "description": "of the order"}}},
            },
        },
    }  # fmt: skip
    (rule,) = segment.rules({"data": {"rules": [theirs], "pagination": {"current": "MA=="}}})
    judged = CompiledPlan((rule,)).judge(event({}, name="Order Completed"), Enforcement())
    assert judged is not None and judged.findings[0].field == "properties.id"


def test_of_an_iglu_models_schemas_the_latest_counts_and_a_model_is_a_version():
    def schema(version: str, **properties: Any) -> dict[str, Any]:
        about_it = {"vendor": "com.acme", "name": "click", "format": "jsonschema", "version": version}
        return {"$schema": iglu.META, "self": about_it, "type": "object", "properties": properties}

    rules = iglu.rules([schema("1-0-10", b={}), schema("1-0-9", a={}), schema("2-0-0", c={})])
    named = {rule.version: list(rule.schema["properties"]["properties"]["properties"]) for rule in rules}
    assert named == {1: ["b"], 2: ["c"]}
    assert {(rule.call, rule.key) for rule in rules} == {(Call.TRACK, "click")}


@pytest.mark.parametrize(
    ("about_it", "field"),
    [
        ({"vendor": "com/acme"}, "document[0].self.vendor"),
        ({"format": "avro"}, "document[0].self.format"),
        ({"version": "1.0.0"}, "document[0].self.version"),
    ],
)
def test_a_schema_that_describes_itself_wrongly_is_refused_with_its_place(about_it, field):
    stated = {"vendor": "com.acme", "name": "click", "format": "jsonschema", "version": "1-0-0", **about_it}
    with pytest.raises(PlanInvalid) as refused:
        iglu.rules([{"self": stated}])
    assert refused.value.faults[0].field == field


def test_a_zip_that_inflates_beyond_measure_is_refused_unread():
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("schemas/v/n/jsonschema/1-0-0", b"0" * (iglu.MOST_BYTES + 1))
    with pytest.raises(PlanInvalid, match="at most"):
        iglu.unpacked(held.getvalue())


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(rules=_plans)
def test_every_plan_can_be_read_by_people(rules):
    described = tables.described(rules)
    assert [one.rule for one in described] == list(rules)
