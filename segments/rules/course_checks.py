"""The leaves about a course of events against the catalogue: are the names known, do the conditions fit?"""

from collections.abc import Iterator
from datetime import tzinfo

from segments.rules.checks import unknown_name
from segments.rules.course_reads import looked_at
from segments.rules.event_checks import condition_problems, event_problems
from segments.rules.nodes import CourseLeaf, EventLeaf, RepeatedLeaf, SequenceLeaf
from segments.rules.problems import Problem
from segments.rules.vocabulary import Catalogue


def course_problems(leaf: CourseLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    """Everything that the catalogue says against a sequence, sessions or a repetition."""
    if isinstance(leaf, RepeatedLeaf) and isinstance(leaf.leaf, EventLeaf):
        yield from event_problems(leaf.leaf, f"{path}.repeated", catalogue, zone)
        return
    for looked in looked_at(leaf, path):
        if looked.event not in catalogue.events:
            place = f"{looked.path}.event" if isinstance(leaf, SequenceLeaf) else looked.path
            yield unknown_name("event", looked.event, place, catalogue.events)
        elif looked.where is not None:
            yield from condition_problems(looked.event, looked.where, f"{looked.path}.where", catalogue, zone)
