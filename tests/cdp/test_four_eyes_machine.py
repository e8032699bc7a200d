"""Any sequence of steps, allowed and forged, by people of every role: nothing unapproved is ever live."""

import os
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from cdp.governance import lifecycle
from cdp.governance.content import content_hash
from cdp.governance.errors import GovernanceError
from cdp.governance.models import DecisionKind, State
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteDecision, NoteVersion

EXAMPLES = int(os.environ.get("CDP_EXAMPLES", "25"))
ROLES: dict[str, tuple[str, ...]] = {
    "ada": ("author",),
    "grace": ("approver",),
    "solo": ("author", "approver"),
    "root": ("administrator",),
}
people = st.sampled_from([*ROLES, "super"])
texts = st.sampled_from(["one", "two", "three"])


class Attack(RuleBasedStateMachine):
    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.outside = transaction.atomic()
        self.outside.__enter__()
        self.people = {name: person(name, *roles) for name, roles in ROLES.items()}
        self.people["super"] = person("super", is_superuser=True)
        self.head = lifecycle.create(governed=NOTES, key="greeting", name="G", by=self.people["ada"], now=NOW)

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

    @rule(target=versions, text=texts, name=people)
    def draft(self, text: str, name: str) -> Any:
        by = self.people[name]
        made = self.attempt(lambda: lifecycle.draft(head=self.head, content={"text": text}, by=by, now=NOW))
        return made.pk if made else multiple()

    @rule(pk=versions, name=people, text=texts)
    def edit(self, pk: int, name: str, text: str) -> None:
        version, by = NoteVersion.objects.get(pk=pk), self.people[name]
        self.attempt(lambda: lifecycle.edit(version=version, content={"text": text}, by=by, now=NOW))

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
            assert eyes & {"grace", "solo"} and not eyes & authors


@pytest.mark.django_db
def test_no_sequence_of_steps_brings_anything_unapproved_live():
    run_state_machine_as_test(
        Attack,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
