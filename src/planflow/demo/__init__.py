"""A published case, replayed over HTTP on a real server with made-up numbers where none are known.

`liuzhou-2019.json` holds the figures of the press conference of Liuzhou, 12 July 2019, with their
source named in it; nothing in this package knows any of them.
"""
