"""How many people a segment has: counted while they are few, estimated when they are many, never by reading all."""

import pytest
from django.db import connection, connections

from segments import queries
from segments.models import Membership
from tests.segments.world import START, World

pytestmark = pytest.mark.django_db(transaction=True)


def test_few_members_are_counted_and_many_are_estimated(world: World, monkeypatch) -> None:
    version = world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    other = world.publish("french", {"trait": "country", "op": "=", "value": "FR"})
    for segment, members in ((version.head_id, 60), (other.head_id, 3)):
        Membership.objects.bulk_create(
            Membership(
                profile_id=number + 1, segment_id=segment, version_id=version.pk, epoch=1, entered_at=START,
                cause="event", evidence=[], standing_version_id=version.pk, standing_at=START,
            )
            for number in range(members)
        )  # fmt: skip
    asked = [version.head_id, other.head_id]
    assert queries.sizes(asked) == {version.head_id: 60, other.head_id: 3}
    monkeypatch.setattr(queries, "COUNTED_UP_TO", 10)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE membership")
    assert queries.sizes(asked) == {version.head_id: 60, other.head_id: 3}
    assert connection.is_usable()
