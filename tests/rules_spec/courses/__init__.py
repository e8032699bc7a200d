"""Courses of events

What somebody did one after the other, and how often: sequences, sessions, and windows that repeat.
"""
