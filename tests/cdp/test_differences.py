from cdp.governance.differences import Change, differences, side_by_side


def test_only_the_smallest_places_differ():
    before = {"all": [{"op": ">", "value": 3}, {"op": "="}], "a/b": 1}
    after = {"all": [{"op": ">", "value": 5}], "a/b": 1, "new": None}

    assert [(found.path, found.change) for found in differences(before, after)] == [
        ("/all/0/value", Change.CHANGED),
        ("/all/1", Change.REMOVED),
        ("/new", Change.ADDED),
    ]


def test_true_is_not_one():
    assert differences({"a": True}, {"a": 1})


def test_lines_are_aligned_side_by_side():
    rows = side_by_side({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4})

    assert [(row.change, row.left.strip(), row.right.strip()) for row in rows] == [
        (Change.SAME, "{", "{"),
        (Change.SAME, '"a": 1,', '"a": 1,'),
        (Change.CHANGED, '"b": 2', '"b": 3,'),
        (Change.ADDED, "", '"c": 4'),
        (Change.SAME, "}", "}"),
    ]
