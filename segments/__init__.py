"""Segments: governed rules about people, and who they are true for.

A segment is a governed head with numbered versions; only its live version is ever evaluated. `rules` is the language,
`publishing` brings a version to the lanes, `memberships` is the lane's step that keeps who-is-in right, `backfill`
walks everybody after a change, `preview` says what a draft would do before anybody approves it.
"""
