from cdp.pseudonyms import lookup_hash, pseudonym


def test_the_same_identifier_is_found_again_and_others_are_not():
    assert lookup_hash("email", "ada@example.org") == lookup_hash("email", "ada@example.org")
    assert len(lookup_hash("email", "ada@example.org")) == 16
    assert lookup_hash("email", "x") != lookup_hash("user_id", "x")
    # The separator keeps type and value apart.
    assert lookup_hash("a", "bc") != lookup_hash("ab", "c")


def test_two_domains_cannot_be_joined():
    shop = pseudonym(domain="shop", type="email", value="ada@example.org")
    mail = pseudonym(domain="mail", type="email", value="ada@example.org")

    assert shop != mail
    assert shop.startswith("p1.1.")
    assert len(shop.split(".")[2]) * 5 >= 128


def test_what_signs_sessions_does_not_tell_the_root_key(settings):
    assert len(settings.SECRET_KEY) == 64
    assert settings.CDP_ROOT_KEY.hex() not in settings.SECRET_KEY
