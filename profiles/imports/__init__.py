"""Old events from files: a CSV and a mapping become requests in the inbox, and go the way of every other request.

`mapping` says what a file's columns mean, `reading` yields its lines and groups of lines, `building` makes events of
them, `running` does it all in steps that may be interrupted.
"""
