"""Who acts on the product (people, keys), what they did with people's data, and what runs in the background."""

from cdp.models.access_record import AccessRecord
from cdp.models.api_key import ApiKey, KeyKind, Scope
from cdp.models.heartbeat import Heartbeat
from cdp.models.job import Job
from cdp.models.person_token import PersonToken
from cdp.models.user import User

__all__ = ["AccessRecord", "ApiKey", "Heartbeat", "Job", "KeyKind", "PersonToken", "Scope", "User"]
