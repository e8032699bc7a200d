"""Who may do what about a destination, beside its lifecycle."""

from cdp.roles import Role

#: Who hands out what messages are signed with.
SECRET_HOLDERS = (Role.ADMINISTRATOR,)
#: Who may stop a destination at once, and who may start it again: starting is a decision about people.
STOPPERS = (Role.APPROVER, Role.ADMINISTRATOR)
STARTERS = (Role.APPROVER,)
#: Who may send again what was given up or withheld.
REPLAYERS = (Role.AUTHOR, Role.ADMINISTRATOR)
