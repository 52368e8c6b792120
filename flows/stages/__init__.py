"""The stages as Prefect tasks, one module a flow."""
