"""
What each person did in the last ninety days: a pure function of seed, number and the moment the history ends.

Message ids carry seed, person and position, so sending a history again is what a client's retry is: every event is a
duplicate.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from cdp.demo import visits
from cdp.demo.people import Answer, Habit, Person, meet
from cdp.demo.visits import BROWSING, SHOPPING, Event, Visit

DAYS = 90
MEAN_VISITS = {Habit.PASSER_BY: 1.2, Habit.SUBSCRIBER: 2.0, Habit.CUSTOMER: 2.6, Habit.REGULAR: 5.0}
LATELY = ((0.02, 9), (0.05, 120), (0.08, 1380))  # (share of people, minutes ago) whose last visit is that recent


def history(*, seed: int, number: int, until: datetime) -> list[Event]:
    """Return the person's events in the order their browser sent them."""
    person, chance = meet(seed, number)
    events = list(_life(person, chance, until))
    for position, event in enumerate(events):
        event["messageId"] = f"demo-{seed}-{number:05d}-{position:03d}"
    end = visits.stamp(until)
    return [event for event in events if event["timestamp"] <= end]


def histories(*, seed: int, people: int, until: datetime) -> Iterator[list[Event]]:
    """Return everybody's histories, person after person."""
    return (history(seed=seed, number=number, until=until) for number in range(1, people + 1))


def broken_events(*, seed: int, until: datetime) -> list[Event]:
    """Return mistakes that real integrations make, so that the rejected events have something to show."""
    told = {"type": "track", "event": "Product Viewed", "timestamp": visits.stamp(until), "properties": {}}
    mistakes: list[Event] = [
        told,
        {**told, "anonymousId": f"anon-{seed}-clock", "timestamp": "1970-01-01T00:00:00Z"},
        {**told, "anonymousId": f"anon-{seed}-clock", "timestamp": "2200-01-01T00:00:00Z"},
        {**told, "anonymousId": f"anon-{seed}-name", "event": ""},
        {**told, "anonymousId": f"anon-{seed}-when", "timestamp": "last Tuesday"},
    ]
    return [{**event, "messageId": f"demo-{seed}-broken-{position}"} for position, event in enumerate(mistakes)]


def _life(person: Person, chance: Random, until: datetime) -> Iterator[Event]:
    times = _visit_times(person, chance, until)
    known = False
    for position, at in enumerate(times):
        device = person.devices[position % len(person.devices)]
        visit = Visit(person=person, device=device, at=at, chance=chance, known=known)
        if position == 0:
            yield from visits.answer_banner(visit)
        introduces = position == min(1, len(times) - 1) or (position > 0 and position < 2 * len(person.devices))
        if introduces and person.email:
            yield from _introduce(visit, first=not known)
            known = person.user_id is not None
            visit.known = known
        yield from visits.browse(visit, SHOPPING if person.habit is Habit.REGULAR else BROWSING)
        yield from _afterwards(visit)
    if person.answer is Answer.CHANGED:
        yield visits.withdraw_marketing(visit)


def _visit_times(person: Person, chance: Random, until: datetime) -> list[datetime]:
    count = 1 + min(14, int(chance.expovariate(1 / MEAN_VISITS[person.habit])))
    times = sorted(until - timedelta(days=1, minutes=chance.uniform(0, (DAYS - 1) * 1440)) for _ in range(count))
    draw = chance.random()
    for share, minutes in LATELY:
        if draw < share:
            times[-1] = until - timedelta(minutes=chance.uniform(minutes * 0.6, minutes))
            break
        draw -= share
    return times


def _introduce(visit: Visit, *, first: bool) -> Iterator[Event]:
    """Say who this browser belongs to: from now on its anonymous past is this person's too."""
    person = visit.person
    traits: Event = {"email": person.email}
    if person.user_id:
        visit.known = True
        traits |= {
            "firstName": person.given_name,
            "country": person.country.code,
            "city": person.country.city,
            "birthday": person.birthday,
            "plan": "free" if first else person.plan,
        }
        if first:
            traits["createdAt"] = visits.stamp(visit.at)
    else:
        traits["newsletter"] = True
    yield visit.event("identify", "/account", traits=traits)
    if first and person.user_id and person.number % 25 == 0:
        yield visit.event("alias", "/account", previousId=visit.device.anonymous_id)
    if first:
        name = "Signed Up" if person.user_id else "Newsletter Subscribed"
        yield visit.event("track", "/account", event=name, properties={"plan": "free"} if person.user_id else {})


def _afterwards(visit: Visit) -> Iterator[Event]:
    """Send an order back some days later, now and then."""
    if not visit.orders or visit.chance.random() > 0.12:
        return
    order = visit.orders[-1]
    back = visit.at + timedelta(days=visit.chance.uniform(2, 12))
    later = Visit(person=visit.person, device=visit.device, at=back, chance=visit.chance, known=True)
    refund = {name: order[name] for name in ("order_id", "revenue", "currency")}
    yield later.event("track", "/account/orders", event="Order Refunded", properties=refund)
