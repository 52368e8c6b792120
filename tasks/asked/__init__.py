"""What a prompt asks for in so many words."""
