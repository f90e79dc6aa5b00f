"""The whole clinic in one file, and the way back.

The work is done by PostgreSQL's own programs. What is added here is the doubt: a backup counts once it was read again
and has each row, and a restore is one transaction that counts them too, or leaves everything as it was.
"""
