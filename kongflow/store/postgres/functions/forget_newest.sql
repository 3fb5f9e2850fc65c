-- Purpose: drop the notes of keys that no older job needs any more; one that a producer holds is left to the next end.
-- Caller: every end of a job that was claimed. Locks: the notes, without waiting.
create or replace function kongflow.forget_newest(p_keys text[]) returns void
language sql as $$
    delete from kongflow.newest
    where key in (
        select n.key from kongflow.newest n
        where n.key = any (p_keys)
            and not exists (select from kongflow.job j where j.claimed_key = n.key and j.id + 0 < n.id)
        for update skip locked
    )
$$
