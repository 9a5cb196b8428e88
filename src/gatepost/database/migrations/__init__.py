"""The revisions of the schema, in order; applied at start. A revision that was released is never edited.

A revision stands alone: it imports nothing of the package, because tables move on and it does not. There is no way
back down: a restored backup is one.
"""
