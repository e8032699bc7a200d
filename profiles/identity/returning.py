"""Which merged-away profiles are people again when a group of origins stands without one.

A group that leaves its person (a limit or a rule that changed, a device that changed hands) is somebody; if that
somebody had a profile of their own before it was merged, its id is told about again, and no new one is made.
"""

from collections.abc import Collection
from typing import Any

from cdp.copying import array
from profiles.identity.matching import Grouping
from profiles.identity.neighbourhood import Neighbourhood
from profiles.identity.regrouping import Back


def find(cursor: Any, grouping: Grouping, homeless: Collection[int], around: Neighbourhood) -> dict[int, Back]:
    """Return, by group, the profile that is back: of those whose best identifier is in the group, the oldest."""
    left = {around.was[origin] for origin, group in grouping.of.items() if group in homeless and origin in around.was}
    if not left:
        return {}
    cursor.execute(_MERGED_AWAY, [array(left)])
    ranks = around.bounds.rule.ranks
    best: dict[int, tuple[int, int]] = {}
    followers: dict[int, set[int]] = {}
    root_of: dict[int, int] = {}
    for profile, origin, root in cursor.fetchall():
        root_of[profile] = root
        if origin in around.types:
            standing = (ranks.get(around.types[origin], len(ranks)), origin)
            best[profile] = min(standing, best.get(profile, standing))
        else:
            followers.setdefault(profile, set()).add(origin)
    found: dict[int, Back] = {}
    for profile in sorted(best):
        group = grouping.of[best[profile][1]]
        if group in homeless and group not in found:
            gone = tuple(sorted(followers.get(profile, set()) | {profile}))
            found[group] = Back(profile, root_of[profile], gone)
    return found


# The origins that were a profile's own when it was merged, as far as they went the same way since.
_MERGED_AWAY = """
SELECT profile.id, link.origin_id, origin.root_id
  FROM profile
 CROSS JOIN LATERAL (SELECT max(at) AS at FROM merge WHERE loser_id = profile.id) AS latest
  JOIN link ON link.root_id = profile.id AND link.recorded_to = latest.at
  JOIN origin ON origin.id = link.origin_id AND origin.root_id = profile.merged_into
 WHERE profile.merged_into = ANY(%s::bigint[])
"""
