"""The door: what apps send, from raw bytes to decoded events.

`bodies` reads a request, `views` answers it, `inbox` keeps it. `dialects` turns a kept row into events and is the one
place that refuses an event; the worker calls it. `pipeline` stores what it returns.
"""
