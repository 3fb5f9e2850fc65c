-- Purpose: end jobs of a key that wait, were claimed before and are older than another. Caller: supersede_older, and
-- the claim, which must not touch the note: a user's transaction may hold it. Locks: the jobs, without waiting.
create or replace function kongflow.end_older(p_key text, p_newest bigint, p_now timestamptz) returns void
language plpgsql as $$
declare
    v_id bigint;
begin
    for v_id in
        select id from kongflow.job
        where claimed_key = p_key and id + 0 < p_newest and state < 4
        order by id + 0
        for update skip locked
    loop
        perform kongflow.finish_waiting(v_id, 7, 'superseded', null, true, null, p_now);
    end loop;
end
$$
