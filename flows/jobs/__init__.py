"""One pydantic job a flow: command-line options, YAML keys and Prefect's form at once."""
