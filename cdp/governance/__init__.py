"""Draft, review, live, retired: one lifecycle for everything that acts on people by decision of the organisation.

A governed type has three tables: a head (key, name, owner), numbered versions whose content is fixed once submitted,
and append-only decisions. The app that owns the type subclasses the three models, installs `operations.GuardVersions`
in its migration and describes the type with one `Governed` value. `lifecycle` holds the verbs; `admin` and `api` are
the doors. It stands apart from the types so that four eyes is argued, and attacked by tests, in one place.
"""
