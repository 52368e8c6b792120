"""What imagemill costs and brings, measured; see README.md."""
