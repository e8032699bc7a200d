"""Segment's Profile API: the addresses, parameters, shapes and errors that its callers already know.

It is another spelling of the same read. Who may be told what, and the record of it, come from
`profiles.api.disclosure`; only the spelling is here. No answer carries a CORS header: a key that reads people does not
belong into a browser.
"""
