"""One module a scenario: `TITLE` and `run(bench)`, which returns what goes into results.json."""
