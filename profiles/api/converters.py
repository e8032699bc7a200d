"""How a person is named in an address: /v1/profiles/{type}:{value}."""


class IdentifierConverter:
    """An identifier's value: slashes and colons belong to it, a path of our own that follows does not."""

    regex = r"(?:(?!/segments/|/segments$).)+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
