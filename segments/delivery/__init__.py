"""Telling the outside what changed: signed webhooks to governed destinations.

`governing` makes destinations governed objects and `content` reads what one says. `fanning` turns the outbox into
messages, `claiming` asks for consent and takes what is due, `posting` sends it past the guard of `addresses`,
`settling` writes down what came of it, and `desk` keeps these four going. `issuing`, `switching` and `replaying` are
what people may do about it. It stands apart from the lanes: they write the outbox and know nothing of who reads it.
"""
