"""
What an operator does to the product as a whole: back it up, restore it, upgrade it. README.md tells how.

It stands apart because it works on the database from outside, with PostgreSQL's own programs and as its owner, and must
go on working when nothing else does.
"""
