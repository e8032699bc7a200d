"""What an event's context is worth: device, place, time zone and campaign, derived once, when the event is stored.

A claim derives after the gates have judged, and lays the result into columns of the event (`deriving`). What a person
was last known by is kept per origin, so that it follows one that changes hands, and told as traits (`last_known`). The
address an event came from is looked up and not kept here.
"""
