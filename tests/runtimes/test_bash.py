"""What only Bash has."""


def test_bytes_on_the_output(start):
    answer = start("bash", "handler.op_bytes").request("GET", "/")
    assert answer.body == b"\x00\x01\xff"


def test_set_e_of_the_users_file_is_honoured(start):
    answer = start("bash", "handler.op_strict").request("GET", "/")
    assert answer.status == 500
    assert any("op_strict" in line for line in answer.json()["stackTrace"])


def test_stream_without_an_end_of_line(start):
    answer = start("bash", "stream.handler").request("GET", "/?op=tail")
    assert (answer.status, answer.body) == (200, b"one\nno newline")


def test_stream_without_output(start):
    instance = start("bash", "stream.handler")
    assert instance.request("GET", "/?op=empty").body == b""
    assert instance.request("GET", "/?op=early_fail").status == 500


def test_it_takes_nothing_but_bash(start, tmp_path):
    """No program at all on the PATH, for handlers that use none."""
    (tmp_path / "handler.sh").write_text("handler() { echo '{\"only\": \"builtins\"}'; }\n")
    (tmp_path / "bin").mkdir()
    for tool in ("mktemp",):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    instance = start("bash", task=tmp_path, environment={"PATH": str(tmp_path / "bin")})
    assert instance.request("GET", "/").json() == {"only": "builtins"}
