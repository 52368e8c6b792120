"""What a job comes to, before anything is written."""
