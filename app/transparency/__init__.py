"""The forms of a transparency log, and nothing else: what an auditor needs to check one without this server.

Only the standard library and `cryptography` are imported; nothing here reads a clock, a file or a database.
"""
