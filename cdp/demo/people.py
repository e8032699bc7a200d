"""Who visits the shop: one person per number, the same for the same seed however many people are asked for."""

from dataclasses import dataclass
from enum import Enum
from random import Random

from cdp.demo import shop


class Habit(Enum):
    """How far a person goes in the shop; the weights are in WEIGHTS."""

    PASSER_BY = "never says who they are"
    SUBSCRIBER = "leaves an e-mail address, nothing more"
    CUSTOMER = "has an account"
    REGULAR = "has an account, returns often, uses two devices"


WEIGHTS = {Habit.PASSER_BY: 18, Habit.SUBSCRIBER: 12, Habit.CUSTOMER: 50, Habit.REGULAR: 20}


class Answer(Enum):
    """What the person says to the consent banner."""

    ALL = "accepts everything"
    ESSENTIAL = "accepts measurement, refuses marketing"
    NONE = "refuses everything"
    SILENT = "never answers"
    CHANGED = "accepts everything and takes marketing back later"


ANSWERS = {Answer.ALL: 46, Answer.ESSENTIAL: 20, Answer.NONE: 8, Answer.SILENT: 16, Answer.CHANGED: 10}


@dataclass(frozen=True, slots=True)
class Device:
    anonymous_id: str
    browser: shop.Browser


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    habit: Habit
    answer: Answer
    country: shop.Country
    given_name: str
    birthday: str
    plan: str
    devices: tuple[Device, ...]

    @property
    def user_id(self) -> str | None:
        return f"customer-{self.number:05d}" if self.habit in (Habit.CUSTOMER, Habit.REGULAR) else None

    @property
    def email(self) -> str | None:
        return None if self.habit is Habit.PASSER_BY else f"{self.given_name.lower()}.{self.number:05d}@example.com"


def meet(seed: int, number: int) -> tuple[Person, Random]:
    """Return person `number` of this seed, and the chance their history is drawn from."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - a shop, no secret
    habit = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    answer = chance.choices(list(ANSWERS), list(ANSWERS.values()))[0]
    country = chance.choices(shop.COUNTRIES, [country.weight for country in shop.COUNTRIES])[0]
    person = Person(
        number=number,
        habit=habit,
        answer=answer,
        country=country,
        given_name=chance.choice(shop.GIVEN_NAMES),
        birthday=f"{chance.randint(1950, 2006)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        plan=chance.choices(shop.PLANS, (70, 22, 8))[0],
        devices=_devices(seed, number, habit, chance),
    )
    return person, chance


def _devices(seed: int, number: int, habit: Habit, chance: Random) -> tuple[Device, ...]:
    first = Device(f"anon-{seed}-{number:05d}-a", chance.choice(shop.DESKTOPS + shop.PHONES))
    if habit is not Habit.REGULAR:
        return (first,)
    second = shop.PHONES if first.browser.kind == "desktop" else shop.DESKTOPS
    return (first, Device(f"anon-{seed}-{number:05d}-b", chance.choice(second)))
