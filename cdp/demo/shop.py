"""What the sample shop sells, to whom, and how they arrive."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    category: str
    brand: str
    price: float


@dataclass(frozen=True, slots=True)
class Country:
    code: str
    weight: int
    locale: str
    timezone: str
    city: str


@dataclass(frozen=True, slots=True)
class Browser:
    kind: str
    os: str
    user_agent: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Campaign:
    name: str
    source: str
    medium: str


HOST = "https://shop.example"
CURRENCY = "EUR"

PRODUCTS = (
    Product("SH-101", "Trail runner", "shoes", "Northway", 119.0),
    Product("SH-102", "City sneaker", "shoes", "Northway", 89.0),
    Product("SH-103", "Hiking boot", "shoes", "Alpin", 189.0),
    Product("SH-104", "Canvas slip-on", "shoes", "Harbour", 49.0),
    Product("JK-201", "Rain jacket", "jackets", "Alpin", 159.0),
    Product("JK-202", "Down jacket", "jackets", "Northway", 249.0),
    Product("JK-203", "Wind shell", "jackets", "Harbour", 99.0),
    Product("BG-301", "Day pack 22 l", "bags", "Alpin", 79.0),
    Product("BG-302", "Travel pack 45 l", "bags", "Alpin", 149.0),
    Product("BG-303", "Tote", "bags", "Harbour", 29.0),
    Product("CM-401", "Two-person tent", "camping", "Alpin", 329.0),
    Product("CM-402", "Sleeping mat", "camping", "Northway", 69.0),
    Product("CM-403", "Camp stove", "camping", "Harbour", 59.0),
    Product("CM-404", "Head torch", "camping", "Northway", 35.0),
    Product("AC-501", "Merino socks", "accessories", "Northway", 19.0),
    Product("AC-502", "Steel bottle", "accessories", "Harbour", 25.0),
    Product("AC-503", "Wool hat", "accessories", "Alpin", 32.0),
    Product("AC-504", "Trekking poles", "accessories", "Alpin", 84.0),
)

COUNTRIES = (
    Country("DE", 34, "de-DE", "Europe/Berlin", "Leipzig"),
    Country("AT", 12, "de-AT", "Europe/Vienna", "Graz"),
    Country("CH", 9, "de-CH", "Europe/Zurich", "Bern"),
    Country("FR", 14, "fr-FR", "Europe/Paris", "Lyon"),
    Country("NL", 9, "nl-NL", "Europe/Amsterdam", "Utrecht"),
    Country("GB", 12, "en-GB", "Europe/London", "Leeds"),
    Country("US", 10, "en-US", "America/New_York", "Portland"),
)

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/138.0.0.0 Safari/537.36"
_MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Version/18.5 Safari/605.1.15"
_LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} Version/18.5 Mobile/15E148 Safari/604.1"
_ANDROID = f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36"

DESKTOPS = (
    Browser("desktop", "Windows", _WINDOWS, 1920, 1080),
    Browser("desktop", "macOS", _MAC, 1440, 900),
    Browser("desktop", "Linux", _LINUX, 1680, 1050),
)
PHONES = (
    Browser("phone", "iOS", _IPHONE, 390, 844),
    Browser("phone", "Android", _ANDROID, 412, 915),
)

CAMPAIGNS = (
    Campaign("autumn-hiking", "newsletter", "email"),
    Campaign("brand-search", "search", "cpc"),
    Campaign("trail-video", "video", "social"),
    Campaign("partner-blog", "blog", "referral"),
)

SEARCHES = ("rain jacket", "boots", "tent", "merino", "day pack", "poles")
PLANS = ("free", "plus", "club")
# fmt: off
GIVEN_NAMES = (
    "Alma", "Anton", "Bela", "Clara", "David", "Elif", "Emil", "Femke", "Greta", "Hugo", "Ida", "Ilse", "Jonas",
    "Karim", "Lea", "Louis", "Mara", "Milan", "Nina", "Noor", "Oskar", "Paula", "Rafael", "Sofia", "Theo", "Uma",
    "Viktor", "Yara",
)
# fmt: on
