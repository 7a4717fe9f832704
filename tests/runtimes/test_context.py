"""What a handler knows about its call, and what becomes of its output."""


def test_context(start, language):
    answer = start(language).request("GET", "/?op=context")
    facts = answer.json()
    assert facts["id"] is True
    assert facts["name"] == "tested"
    assert facts["arn"].endswith(":tested")
    assert str(facts["memory"]) == "256"
    assert facts["remaining"] is True


def test_output_is_logged_line_by_line(start, language):
    instance = start(language)
    answer = instance.request("GET", "/?op=log")
    assert answer.body.strip() == b"logged"
    assert instance.wait_for_log("to stdout")
    assert instance.wait_for_log("to stderr")
