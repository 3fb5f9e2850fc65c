-- Purpose: find the job that holds a key: the waiting one that was never claimed, else the newest that was claimed
-- before and is not finished. Caller: add_keyed, retry. Locks: nothing.
create or replace function kongflow.holder_of(p_key text) returns bigint
language sql stable as $$
    select coalesce(
        (select id from kongflow.job where job_key = p_key and state > 0),
        (select id from kongflow.job where claimed_key = p_key order by id + 0 desc limit 1)
    )
$$
