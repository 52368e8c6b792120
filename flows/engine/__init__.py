"""What carries a flow: shards in flight, runners, progress, summary, and all that touches Prefect's inside."""
