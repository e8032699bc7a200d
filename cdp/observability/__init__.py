"""What the product tells of itself: logs, the id that ties their lines together, traces, and files for those who watch.

The figures of `/metrics` are in `cdp.metrics`; the dashboard and the alerts beside this text are made of them.
"""
