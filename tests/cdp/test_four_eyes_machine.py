"""Any sequence of steps, allowed and forged, by people of every role: nothing unapproved is ever live.

The doors are the verbs, the REST API, the admin's buttons, bulk ORM and SQL under the application's role. A small
number of runs by default; `CDP_FOUR_EYES_RUNS=1000 pytest tests/cdp/test_four_eyes_machine.py` is the proof.
"""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from rest_framework.test import APIClient

from cdp.governance import lifecycle, timetable
from cdp.governance.content import content_hash
from cdp.governance.errors import GovernanceError
from cdp.governance.models import DecisionKind, State
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteDecision, NoteVersion

RUNS = int(os.environ.get("CDP_FOUR_EYES_RUNS", os.environ.get("CDP_EXAMPLES", "12")))
ROLES: dict[str, tuple[str, ...]] = {
    "ada": ("author",),
    "grace": ("approver",),
    "edsger": ("approver",),
    "solo": ("author", "approver"),
    "root": ("administrator",),
}
people = st.sampled_from([*ROLES, "super"])
#: "three" is for two people to approve (notes.APPROVALS). The database's clock is long past the first moments below.
texts = st.sampled_from(["one", "two", "three"])
SOON, LATER, NEVER = NOW + timedelta(hours=1), NOW + timedelta(hours=2), NOW + timedelta(days=36_500)
contents = st.builds(
    lambda text, more: {"text": text} | more,
    texts,
    st.sampled_from(
        [
            {},
            {},
            {"starts_at": SOON.isoformat()},
            {"ends_at": LATER.isoformat()},
            {"starts_at": SOON.isoformat(), "ends_at": LATER.isoformat()},
            {"starts_at": NEVER.isoformat()},
        ]
    ),
)
moments = st.sampled_from([NOW, SOON, LATER])
_TEMPORARY = {
    "decisions": "CREATE TEMP TABLE tests_notes_notedecision AS SELECT v.id AS version_id, 'approve' AS decision,"
    " v.content_hash, 0 AS decided_by_id FROM tests_notes_noteversion v",
    "versions": "CREATE TEMP TABLE tests_notes_noteversion AS SELECT * FROM public.tests_notes_noteversion",
    "groups": "CREATE TEMP TABLE auth_group AS SELECT id, 'approver' AS name FROM public.auth_group",
    "owners": "CREATE TEMP TABLE pg_class AS SELECT 'public.tests_notes_noteversion'::regclass::oid AS oid,"
    " oid AS relowner FROM pg_roles WHERE rolname = current_user; SET LOCAL search_path = pg_temp, pg_catalog, public;"
    " SET LOCAL cdp.maintenance = 'on'",
}


class Attack(RuleBasedStateMachine):
    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.outside = transaction.atomic()
        self.outside.__enter__()
        self.people = {name: person(name, *roles) for name, roles in ROLES.items()}
        self.people["super"] = person("super", is_superuser=True)
        self.head = lifecycle.create(governed=NOTES, key="greeting", name="G", by=self.people["ada"], now=NOW)
        self.decided: dict[int, tuple[object, ...]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outside.__exit__(None, None, None)

    def attempt(self, step: Any) -> Any:
        """Take a step that may be refused; a refusal leaves nothing behind."""
        try:
            with transaction.atomic():
                return step()
        except (GovernanceError, DatabaseError):
            return None

    @rule(target=versions, content=contents, name=people)
    def draft(self, content: Any, name: str) -> Any:
        by = self.people[name]
        made = self.attempt(lambda: lifecycle.draft(head=self.head, content=content, by=by, now=NOW))
        return made.pk if made else multiple()

    @rule(target=versions, content=contents, name=people, other=people)
    def draft_and_submit(self, content: Any, name: str, other: str) -> Any:
        made = self.attempt(lambda: lifecycle.draft(head=self.head, content=content, by=self.people[name], now=NOW))
        if made is None:
            return multiple()
        self.attempt(lambda: lifecycle.submit(version=made, by=self.people[other], now=NOW))
        return made.pk

    @rule(pk=versions, name=people, content=contents)
    def edit(self, pk: int, name: str, content: Any) -> None:
        version, by = NoteVersion.objects.get(pk=pk), self.people[name]
        self.attempt(lambda: lifecycle.edit(version=version, content=content, by=by, now=NOW))

    @rule(now=moments)
    def time_passes(self, now: Any) -> None:
        self.attempt(lambda: timetable.run(governed=NOTES, now=now))

    @rule(pk=versions, now=moments, verb=st.sampled_from([lifecycle.start, lifecycle.end]))
    def start_or_end(self, pk: int, now: Any, verb: Any) -> None:
        self.attempt(lambda: verb(version=NoteVersion.objects.get(pk=pk), now=now))

    @rule(pk=versions, name=people, step=st.sampled_from(["submit", "approve", "reject", "withdraw", "roll-back"]))
    def ask_over_http(self, pk: int, name: str, step: str) -> None:
        client, number = APIClient(), NoteVersion.objects.get(pk=pk).number
        client.force_login(self.people[name], backend="django.contrib.auth.backends.ModelBackend")
        address = f"/v1/notes/greeting/versions/{number}/{step}"
        self.attempt(lambda: client.post(address, {"comment": "over HTTP"}, format="json"))

    @rule(pk=versions, name=people, content=contents)
    def edit_over_http(self, pk: int, name: str, content: Any) -> None:
        client, number = APIClient(), NoteVersion.objects.get(pk=pk).number
        client.force_login(self.people[name], backend="django.contrib.auth.backends.ModelBackend")
        address = f"/v1/notes/greeting/versions/{number}"
        self.attempt(lambda: client.patch(address, {"content": content}, format="json"))

    @rule(pk=versions, name=people, step=st.sampled_from(["submit", "approve", "reject", "withdraw", "roll-back"]))
    def press_a_button(self, pk: int, name: str, step: str) -> None:
        number = NoteVersion.objects.get(pk=pk).number
        address = f"/admin/tests_notes/note/{self.head.pk}/versions/{number}/{step}/"
        self.attempt(lambda: self.browser(name).post(address, {"comment": "by a button"}))

    @rule(pk=versions, name=people, content=contents)
    def save_the_form(self, pk: int, name: str, content: Any) -> None:
        number = NoteVersion.objects.get(pk=pk).number
        address = f"/admin/tests_notes/note/{self.head.pk}/versions/{number}/edit/"
        self.attempt(lambda: self.browser(name).post(address, {"content": json.dumps(content)}))

    def browser(self, name: str) -> Client:
        client = Client()
        client.force_login(self.people[name], backend="django.contrib.auth.backends.ModelBackend")
        return client

    @rule(pk=versions, name=people, verb=st.sampled_from([lifecycle.submit, lifecycle.withdraw]))
    def ask(self, pk: int, name: str, verb: Any) -> None:
        version = NoteVersion.objects.get(pk=pk)
        self.attempt(lambda: verb(version=version, by=self.people[name], now=NOW))

    @rule(pk=versions, name=people, verb=st.sampled_from([lifecycle.approve, lifecycle.reject]))
    def decide(self, pk: int, name: str, verb: Any) -> None:
        version = NoteVersion.objects.get(pk=pk)
        self.attempt(lambda: verb(version=version, comment="so be it", by=self.people[name], now=NOW))

    @rule(name=people)
    def retire(self, name: str) -> None:
        self.attempt(lambda: lifecycle.retire(head=self.head, comment="over", by=self.people[name], now=NOW))

    @rule(target=versions, pk=versions, name=people)
    def roll_back(self, pk: int, name: str) -> Any:
        to_version, by = NoteVersion.objects.get(pk=pk), self.people[name]
        made = self.attempt(
            lambda: lifecycle.roll_back(head=self.head, to_version=to_version, by=by, comment="back", now=NOW)
        )
        return made.pk if made else multiple()

    @rule(pk=versions, state=st.sampled_from(State.values))
    def set_state_in_bulk(self, pk: int, state: str) -> None:
        self.attempt(lambda: NoteVersion.objects.filter(pk=pk).update(state=state))

    @rule(pk=versions, state=st.sampled_from(State.values))
    def bring_a_version_in_bulk(self, pk: int, state: str) -> None:
        version = NoteVersion.objects.get(pk=pk)
        version.pk, version.number, version.state = None, version.number + 1_000, state
        self.attempt(lambda: NoteVersion.objects.bulk_create([version]))

    @rule(pk=versions, name=people)
    def approve_in_bulk(self, pk: int, name: str) -> None:
        version = NoteVersion.objects.get(pk=pk)
        forged = NoteDecision(
            version=version,
            content_hash=version.content_hash,
            decision="approve",
            comment="in bulk",
            decided_by=self.people[name],
            author_ids=version.author_ids,
            at=NOW,
        )
        version.state = State.LIVE

        def both() -> None:
            NoteDecision.objects.bulk_create([forged])
            NoteVersion.objects.bulk_update([version], ["state"])

        self.attempt(both)

    @rule(what=st.sampled_from(sorted(_TEMPORARY)), pk=versions)
    def deceive_with_a_temporary_table(self, what: str, pk: int) -> None:
        def all_of_it() -> None:
            with connection.cursor() as cursor:
                cursor.execute(_TEMPORARY[what])
                cursor.execute("UPDATE public.tests_notes_noteversion SET state = 'live' WHERE id = %s", [pk])
                cursor.execute("SET LOCAL cdp.maintenance = 'off'; SET LOCAL search_path = DEFAULT")
                cursor.execute(
                    "DROP TABLE IF EXISTS pg_temp.tests_notes_notedecision, pg_temp.tests_notes_noteversion,"
                    " pg_temp.auth_group, pg_temp.pg_class"
                )

        self.attempt(all_of_it)

    @rule(
        statement=st.sampled_from(
            [
                "UPDATE tests_notes_notedecision SET comment = 'as discussed'",
                "UPDATE tests_notes_notedecision SET decided_by_id = decided_by_id + 1",
                "DELETE FROM tests_notes_notedecision",
                "TRUNCATE tests_notes_notedecision",
                "SET LOCAL cdp.maintenance = 'on'; DELETE FROM tests_notes_notedecision",
                "ALTER TABLE tests_notes_notedecision DISABLE TRIGGER ALL",
            ]
        )
    )
    def rewrite_decisions_in_sql(self, statement: str) -> None:
        self.sql(statement)

    @rule(pk=versions, text=texts, state=st.sampled_from(State.values))
    def set_content_in_sql(self, pk: int, text: str, state: str) -> None:
        statement = (
            "UPDATE tests_notes_noteversion SET content = jsonb_build_object('text', %s::text), content_hash = %s,"
            " state = %s WHERE id = %s"
        )
        self.sql(statement, text, content_hash({"text": text}), state, pk)

    @rule(pk=versions, authors=st.lists(people, max_size=2))
    def set_authors_in_sql(self, pk: int, authors: list[str]) -> None:
        ids = [self.people[name].pk for name in authors]
        self.sql("UPDATE tests_notes_noteversion SET author_ids = %s::bigint[] WHERE id = %s", ids, pk)

    @rule(pk=versions)
    def point_the_head_in_sql(self, pk: int) -> None:
        self.sql("UPDATE tests_notes_note SET live_version_id = %s WHERE id = %s", pk, self.head.pk)

    @rule(pk=versions, name=people, decision=st.sampled_from(DecisionKind.values), honest=st.booleans())
    def forge_a_decision(self, pk: int, name: str, decision: str, honest: bool) -> None:
        version = NoteVersion.objects.get(pk=pk)
        self.attempt(
            lambda: NoteDecision.objects.create(
                version=version,
                content_hash=version.content_hash,
                decision=decision,
                comment="forged",
                decided_by=self.people[name],
                author_ids=version.author_ids if honest else [],
                at=NOW,
            )
        )

    @rule()
    def delete_everything(self) -> None:
        self.sql("DELETE FROM tests_notes_notedecision")
        self.sql("DELETE FROM tests_notes_noteversion")

    def sql(self, statement: str, *parameters: object) -> None:
        with connection.cursor() as cursor:
            self.attempt(lambda: cursor.execute(statement, parameters))

    @invariant()
    def what_is_live_was_approved_by_somebody_else(self) -> None:
        live = list(NoteVersion.objects.filter(state=State.LIVE))
        assert len(live) <= 1
        assert Note.objects.get(pk=self.head.pk).live_version_id == (live[0].pk if live else None)
        for version in live:
            assert version.content_hash == content_hash(version.content)
            approvals = version.decisions.filter(decision="approve", content_hash=version.content_hash)
            eyes = {approval.decided_by.username for approval in approvals}
            authors = {name for name, user in self.people.items() if user.pk in version.author_ids}
            needed = 2 if version.content["text"] == "three" else 1
            assert len((eyes & {"grace", "edsger", "solo"}) - authors) >= needed
            assert version.content.get("starts_at") != NEVER.isoformat()

    @invariant()
    def decisions_are_never_altered_or_deleted(self) -> None:
        now = {
            row.pk: (
                row.version_id,
                row.content_hash,
                row.decision,
                row.comment,
                row.decided_by_id,
                tuple(row.author_ids),
            )
            for row in NoteDecision.objects.all()
        }
        assert self.decided.items() <= now.items()
        self.decided = now


@pytest.mark.django_db
@pytest.mark.urls("tests.cdp.urls")
def test_no_sequence_of_steps_brings_anything_unapproved_live():
    run_state_machine_as_test(
        Attack,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=30,
            deadline=None,
            derandomize="CDP_FOUR_EYES_RUNS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
