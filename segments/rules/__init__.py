"""Segment rules: a rule is data, and this package says what it means, once.

`README.md` beside this file holds the semantics, `REFERENCE.md` the language by example. All of it is pure: no Django,
no clock, no database. The verbs, each in the module of its name:

    parser.parse(document) -> Rule                              raises Refused(problems)
    checker.check(rule, *, catalogue) -> Findings               problems and warnings, each with a JSON path
    checker.review(document, *, catalogue) -> Findings          parse and check in one, every problem of both
    compiler.compile(rules, *, catalogue, workspace_tz, ...) -> Compiled      SQL with value and due per rule
    compiler.touch_keys(rule) -> frozenset[str]                 "event:<name>", "trait:<name>", "consent:<purpose>"
    reference.evaluate(rule, person, *, now, catalogue, workspace_tz) -> Decision(value, due)    the plain meaning
    sentences.sentence(rule) -> str                             the rule in English
    explain.explain(rule, leaves) -> Explanation                what each node said about one person
"""
