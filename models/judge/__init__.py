"""The judge: looks at a picture and says what is in it."""
