"""Device type, browser and operating system, from what a browser or an app says it is.

What it says is a text that anybody can send. It is cut to a length, matched by RE2 (linear in that length, however it
is made), and remembered: an event with a user agent seen before costs one look-up.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ua_parser import Domain, Parser
from ua_parser.loaders import load_builtins
from ua_parser.re2 import Resolver

from profiles.facts.contexts import DeviceType, known_text

LONGEST_USER_AGENT = 512
REMEMBERED = 10_000
# A word of the browser's name that tells the device: the device type says that already.
_DEVICE_WORDS = re.compile(r" ?(?:Mobile|iOS|WebView|UI/WKWebView)\b ?")
_SYSTEMS = {"Mac OS X": "macOS", "Mac OS": "macOS", "ATV OS X": "tvOS", "iPadOS": "iOS"}
_BRANDS = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge", "Opera": "Opera", "Brave": "Brave"}
_DEVICE_OF_SYSTEM = {
    "Windows": DeviceType.DESKTOP,
    "macOS": DeviceType.DESKTOP,
    "Linux": DeviceType.DESKTOP,
    "Ubuntu": DeviceType.DESKTOP,
    "Fedora": DeviceType.DESKTOP,
    "Debian": DeviceType.DESKTOP,
    "Chrome OS": DeviceType.DESKTOP,
    "iOS": DeviceType.MOBILE,
    "Android": DeviceType.MOBILE,
    "KaiOS": DeviceType.MOBILE,
    "Windows Phone": DeviceType.MOBILE,
    "watchOS": DeviceType.WEARABLE,
    "tvOS": DeviceType.TV,
    "Tizen": DeviceType.TV,
    "WebTV": DeviceType.TV,
    "Roku": DeviceType.TV,
}
# In this order: a television runs Android and says so, a console's browser calls itself one of Windows.
_DEVICES = (
    (re.compile(r"SMART-?TV|SmartTV|Android TV|GoogleTV|AppleTV|BRAVIA|\bAFT[A-Z]|CrKey|Web0S|\bTV\b"), DeviceType.TV),
    (re.compile(r"PlayStation|Xbox|Nintendo"), DeviceType.CONSOLE),
    (re.compile(r"iPad|Tablet|Kindle|Silk/"), DeviceType.TABLET),
)


class Agent(NamedTuple):
    """What a person used; None where it is not told. Equal to a plain tuple, so that it can be stored as one."""

    device_type: str | None = None
    browser: str | None = None
    os: str | None = None


UNKNOWN = Agent()


def agent_of(context: Mapping[str, Any]) -> Agent:
    """The agent of an event, from `userAgent`; `userAgentData`, `os` and `device` tell what that leaves open."""
    user_agent = context.get("userAgent")
    agent = parsed(user_agent[:LONGEST_USER_AGENT]) if type(user_agent) is str and user_agent else UNKNOWN
    if None not in agent or not ("userAgentData" in context or "os" in context):
        return agent
    hints, system, device = (_object(context.get(name)) for name in ("userAgentData", "os", "device"))
    told_os = agent.os or _system(known_text(hints.get("platform")) or known_text(system.get("name")))
    return Agent(
        agent.device_type or _told_device(hints, device, told_os),
        agent.browser or _told_browser(hints.get("brands")),
        told_os,
    )


@lru_cache(maxsize=REMEMBERED)
def parsed(user_agent: str) -> Agent:
    """The agent that a user agent's text names."""
    found = _parser()(user_agent, Domain.ALL)
    os = _system(found.os.family) if found.os else None
    browser = _DEVICE_WORDS.sub("", found.user_agent.family) if found.user_agent else None
    is_bot = found.device is not None and found.device.family == "Spider"
    return Agent(DeviceType.BOT.value if is_bot else _device(user_agent, os), browser or None, os)


@cache
def _parser() -> Parser:
    """Reading the patterns takes a fifth of a second, once for a process that meets a user agent at all."""
    return Parser(Resolver(load_builtins()))


def _device(user_agent: str, os: str | None) -> str | None:
    for pattern, device in _DEVICES:
        if pattern.search(user_agent):
            return device.value
    if os == "Android" and "Mobile" not in user_agent:
        return DeviceType.TABLET.value
    found = _DEVICE_OF_SYSTEM.get(os or "")
    return found.value if found else None


def _system(told: str | None) -> str | None:
    return None if told is None else _SYSTEMS.get(told, told)


def _told_device(hints: Mapping[str, Any], device: Mapping[str, Any], os: str | None) -> str | None:
    if hints.get("mobile") is True:
        return DeviceType.MOBILE.value
    model = device.get("model")
    if type(model) is str and model.startswith("iPad"):
        return DeviceType.TABLET.value
    found = _DEVICE_OF_SYSTEM.get(os or "")
    return found.value if found else None


def _told_browser(brands: Any) -> str | None:
    """The brand that is neither the engine's nor the one made up to keep readers from relying on the list."""
    told = [_object(brand).get("brand") for brand in brands[:8]] if type(brands) is list else []
    names = [name for brand in told if (name := known_text(brand)) and name != "Chromium" and "Not" not in name]
    return _BRANDS.get(names[0], names[0]) if names else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if type(value) is dict else {}
