-- Purpose: read what is paused. Caller: pauses. Locks: nothing.
select name, reason, author, paused_at from kongflow.pause order by name
