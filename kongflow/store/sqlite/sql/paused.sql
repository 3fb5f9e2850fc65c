-- Purpose: list what is paused. Caller: the roster. Locks: nothing.
select name from kongflow_pause
