"""A plan as Iglu keeps schemas: self-describing, one per event and version, in a list or in a registry's folders. Pure.

Iglu's schema is about the data of an event alone, a rule's about the whole call. So the part about properties or
traits becomes the schema, and what a rule says beyond it is carried along under `x-rule`, with the kind of call and the
event's name, which Iglu's names cannot spell. SchemaVer's MODEL is the rule's version: revisions and additions are
compatible.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from profiles.plans import plan
from profiles.plans.plan import PART, PROPERTIES, Call, PlanInvalid, Rule
from profiles.plans.schemas import Fault

META = "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#"
MOST_BYTES = 8 * 1024 * 1024
MOST_FILES = 2_000
_CARRIED = "x-rule"
_VENDOR = re.compile(r"[a-zA-Z0-9-_.]+")
_VERSION = re.compile(r"([0-9]{1,7})-([0-9]{1,7})-([0-9]{1,7})")


def is_iglu(document: Any) -> bool:
    """Say whether a document is one self-describing schema or a list of them."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and isinstance(first.get("self"), dict)


def listed(rules: Iterable[Rule], *, vendor: str) -> list[dict[str, Any]]:
    """Return a self-describing schema per rule."""
    taken: dict[str, Rule] = {}
    return [_schema(rule, vendor, _name(rule, taken)) for rule in rules]


def packed(rules: Iterable[Rule], *, vendor: str) -> bytes:
    """Return the schemas as the folders of a static registry, zipped."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as files:
        for schema in listed(rules, vendor=vendor):
            about = schema["self"]
            path = f"schemas/{about['vendor']}/{about['name']}/{about['format']}/{about['version']}"
            # One date for all of them: the same plan is the same file to the byte.
            files.writestr(
                zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), json.dumps(schema, indent=2, ensure_ascii=False)
            )
    return held.getvalue()


def unpacked(body: bytes) -> list[Any]:
    """Return the schemas in such a file. Raises PlanInvalid."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as files:
            held = [
                entry for entry in files.infolist() if not entry.is_dir() and "/jsonschema/" in f"/{entry.filename}"
            ]
            # What an entry says of its own size is checked as well by whoever reads no more than that.
            if len(held) > MOST_FILES or sum(entry.file_size for entry in held) > MOST_BYTES:
                told = f"A plan comes in at most {MOST_FILES} files of {MOST_BYTES} bytes together."
                raise PlanInvalid((Fault("document", told),))
            return [json.loads(files.open(entry).read(entry.file_size)) for entry in held]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, RecursionError, OSError):
        raise PlanInvalid((Fault("document", "This is no zip of JSON Schemas."),)) from None


def rules(document: Any) -> tuple[Rule, ...]:
    """Read self-describing schemas; of one MODEL the latest revision counts. Raises PlanInvalid."""
    schemas = document if isinstance(document, list) else [document]
    newest: dict[tuple[str, str, int], tuple[tuple[int, int, int], dict[str, Any]]] = {}
    for index, schema in enumerate(schemas):
        vendor, name, version = _about(schema, f"document[{index}]")
        known = newest.get((vendor, name, version[0]))
        if known is None or version > known[0]:
            newest[vendor, name, version[0]] = (version, _rule(schema, name, version[0]))
    return plan.read({"rules": [stated for _, stated in newest.values()]})


def _schema(rule: Rule, vendor: str, name: str) -> dict[str, Any]:
    inside = _inside(rule)
    data = dict(rule.schema["properties"][rule.part]) if inside else {}
    beyond: dict[str, Any] = {"type": rule.call.value, "key": rule.key}
    rest = dict(rule.schema)
    if inside:
        rest["properties"] = {name: one for name, one in rule.schema["properties"].items() if name != rule.part}
    if not inside or rest != {"type": "object", "properties": {}}:
        beyond["call"] = rest
    if rule.deprecated_at:
        beyond["deprecatedAt"] = rule.deprecated_at
    return {
        "$schema": META,
        "self": {"vendor": vendor, "name": name, "format": "jsonschema", "version": f"{rule.version}-0-0"},
        _CARRIED: beyond,
        **data,
    }


def _inside(rule: Rule) -> bool:
    """Say whether the rule has a part about data that can be a schema of its own."""
    properties = rule.schema.get("properties")
    data = properties.get(rule.part) if isinstance(properties, dict) else None
    if not isinstance(data, dict) or not data or data.keys() & {"$schema", "self", _CARRIED}:
        return False
    return "$ref" not in json.dumps(data)


def _name(rule: Rule, taken: dict[str, Rule]) -> str:
    told = "_".join(re.findall(r"[a-z0-9]+", rule.key.lower())) or rule.call.lower()
    name = wanted = (
        told if rule.call is Call.TRACK else f"{rule.call.lower()}_{told}" if rule.name else rule.call.lower()
    )
    number = 2
    # "Sign Up" and "sign-up" are two events; versions of one event share its name.
    while name in taken and (taken[name].call, taken[name].name) != (rule.call, rule.name):
        name, number = f"{wanted}_{number}", number + 1
    taken[name] = rule
    return name


def _about(schema: Any, at: str) -> tuple[str, str, tuple[int, int, int]]:
    about = schema.get("self") if isinstance(schema, dict) else None
    if not isinstance(about, dict):
        raise PlanInvalid((Fault(at, "A self-describing schema says under self what it is about."),))
    for field in ("vendor", "name"):
        if not isinstance(about.get(field), str) or not _VENDOR.fullmatch(about[field]):
            raise PlanInvalid((Fault(f"{at}.self.{field}", "Write letters, digits, dots, - and _."),))
    if about.get("format") != "jsonschema":
        raise PlanInvalid((Fault(f"{at}.self.format", "Only jsonschema is read."),))
    version = _VERSION.fullmatch(str(about.get("version")))
    if version is None:
        raise PlanInvalid((Fault(f"{at}.self.version", "Write MODEL-REVISION-ADDITION, such as 1-0-0."),))
    model, revision, addition = (int(number) for number in version.groups())
    return about["vendor"], about["name"], (model, revision, addition)


def _rule(schema: Mapping[str, Any], name: str, model: int) -> dict[str, Any]:
    data = {key: value for key, value in schema.items() if key not in ("$schema", "self", _CARRIED)}
    carried = schema.get(_CARRIED)
    if not isinstance(carried, dict):
        carried = {"type": Call.TRACK.value, "key": name}
    call = carried.get("type")
    part = PART.get(Call(call), PROPERTIES) if call in list(Call) else PROPERTIES
    rest = carried.get("call", {"type": "object", "properties": {}})
    whole = rest
    if isinstance(rest, dict) and (data or "call" not in carried):
        properties = rest.get("properties")
        whole = {**rest, "properties": {**(properties if isinstance(properties, dict) else {}), part: data}}
    told = {"type": call, "key": carried.get("key", ""), "version": model, "jsonSchema": whole}
    return {**told, "deprecatedAt": carried["deprecatedAt"]} if carried.get("deprecatedAt") else told
