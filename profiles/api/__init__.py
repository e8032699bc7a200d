"""Reading a person over REST."""
