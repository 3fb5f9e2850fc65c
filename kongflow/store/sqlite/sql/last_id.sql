-- Purpose: read the id of the last inserted row. Caller: insert. Locks: nothing.
select last_insert_rowid()
