"""The doors' common parts: who is calling, what they may do, and the addresses that belong to the platform itself."""
