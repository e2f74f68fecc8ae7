"""Verifies a log of this form from outside: its files, its receipts, or what a server publishes.

Nothing of the server is imported, neither database nor settings: a checker is given bytes, files, or a
callable that fetches. What it believes is the keys of the log, and what it kept itself.
"""
