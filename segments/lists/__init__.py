"""Lists that somebody uploads: names of people in a file, for rules to ask who is on it.

    file ─reading─> names as keyed hashes ─uploading─> entries by version ─> who came or went is looked at again
                                                           └─ columns: the people column that rules read

The names themselves are never stored. An entry waits under the hash by which an identifier is found, so somebody who is
not known yet is on the list the moment they appear, and nobody who holds the table can read it.
"""
