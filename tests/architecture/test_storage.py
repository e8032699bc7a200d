"""How each table may change, decided once for each: never, only by the lifecycle, or freely."""

from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.db.models import Model

from cdp import append_only
from cdp.governance.models import GovernedDecision, GovernedHead, GovernedVersion

OURS = ("cdp", "profiles", "consent", "enrichment", "segments")
APPEND_ONLY = {
    "cdp.AccessRecord",
    "consent.Entry",
    "consent.NoticeDecision",
    "consent.PurposeDecision",
    "profiles.IdentityRuleDecision",
    "profiles.Merge",
    "profiles.SourceDecision",
    "profiles.TrackingPlanDecision",
    "profiles.TraitValue",
    "profiles.Unmerge",
    "segments.SegmentDecision",
    *("segments.ListVersion", "segments.ThresholdDecision", "segments.ThresholdSnapshot"),
    *("segments.DeliveryAttempt", "segments.DeliveryResult", "segments.DestinationDecision"),
    "segments.DestinationSwitch",
}
GOVERNED = {
    *("profiles.IdentityRule", "profiles.IdentityRuleVersion"),
    *("consent.Notice", "consent.NoticeVersion", "consent.Purpose", "consent.PurposeVersion"),
    *("profiles.Source", "profiles.SourceVersion", "profiles.TrackingPlan", "profiles.TrackingPlanVersion"),
    *("segments.Destination", "segments.DestinationVersion", "segments.Segment", "segments.SegmentVersion"),
}
MUTABLE = {
    # people who work here, their keys, and what runs
    *("cdp.ApiKey", "cdp.Heartbeat", "cdp.Job", "cdp.PersonToken", "cdp.User"),
    # events on their way in; retention drops them by day and by month
    *("profiles.InboxRow", "profiles.Event", "profiles.EventKey", "profiles.RejectedEvent"),
    # the identity graph, which late events regroup
    *("profiles.Identifier", "profiles.Link", "profiles.Origin", "profiles.Sighting"),
    *("profiles.RefusedIdentifier", "profiles.RefusedJoin", "profiles.SeparatedOrigin", "profiles.Separation"),
    # computed from the above, again at any time
    *("profiles.Card", "profiles.Due", "profiles.HeavyPerson", "profiles.Profile", "profiles.Trait"),
    "profiles.LastContext",
    *("consent.ConsentState", "consent.DevicePreference"),
    "segments.RuleCost",
    # trials of approved rules, and how they compared
    *("segments.Shadow", "segments.ShadowCount"),
    # names on lists, which are erased with whom they name
    *("segments.ListEntry", "segments.UploadedList"),
    # what retention let go of
    *("profiles.InboxDayTotal", "profiles.RetiredMonth"),
    # queues and locks
    *("profiles.Lane", "profiles.ParkedTouch", "profiles.Touched", "segments.Outbox", "segments.RuleEpoch"),
    # the catalogue
    *("profiles.EventDefinition", "profiles.PropertyDefinition", "profiles.TraitDefinition"),
    # what became of the rows of files; jobs as their own pages show them
    *("profiles.ImportFault", "profiles.ImportRequest", "profiles.ImportJob", "profiles.DataExport"),
    # counts, folded by the sweep, and their view
    *("profiles.Violation", "profiles.ViolationCount"),
    # messages on their way out, how their receivers do, and secrets, which are revoked once
    *("segments.Delivery", "segments.DeliveryCount", "segments.DeliveryLane", "segments.DestinationSecret"),
    # a question that is kept, with its history
    "segments.Funnel",
    # a stay is closed once; a day that is over is counted once
    *("segments.Membership", "segments.SegmentDay"),
    "segments.Tagging",
    # destroyed, so that what they seal is forgotten
    *("consent.EntryPrivate", "consent.SubjectKey"),
}


def our_models() -> dict[str, type[Model]]:
    found = [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]
    return {model._meta.label: model for model in found if not hasattr(model, "instance_type")}


def test_every_model_is_of_exactly_one_kind() -> None:
    kinds = [*APPEND_ONLY, *GOVERNED, *MUTABLE]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == our_models().keys()


def test_what_is_called_append_only_was_made_so_by_its_migrations() -> None:
    for app in OURS:
        package = import_module(f"{app}.migrations") if apps.is_installed(app) and _has_migrations(app) else None
        for module in iter_modules(package.__path__) if package else ():
            import_module(f"{app}.migrations.{module.name}")
    tables = {our_models()[label]._meta.db_table for label in APPEND_ONLY}
    assert tables == append_only.declared & {model._meta.db_table for model in our_models().values()}


def _has_migrations(app: str) -> bool:
    return bool(apps.get_app_config(app).models)


def test_governed_are_the_heads_and_versions_and_their_decisions_only_grow() -> None:
    models = our_models()
    heads = {label for label, model in models.items() if issubclass(model, GovernedHead | GovernedVersion)}
    assert heads == GOVERNED
    assert {label for label, model in models.items() if issubclass(model, GovernedDecision)} <= APPEND_ONLY
