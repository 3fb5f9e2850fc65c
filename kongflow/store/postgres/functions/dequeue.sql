-- Purpose: cancel the waiting job of a key and return its id; null where none waits. A running one is left alone.
-- Caller: dequeue, dequeue_in; so also inside a transaction of the user's. Locks: the job, for which it waits.
create or replace function kongflow.dequeue(p_key text, p_shift interval) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_id bigint;
begin
    perform kongflow.durable();
    v_id := coalesce(
        (select id from kongflow.job where job_key = p_key and state = 0 order by id + 0 desc limit 1),
        (select id from kongflow.job where job_key = p_key and state > 0),
        (
            select id from kongflow.job where claimed_key = p_key and state < 4
            order by id + 0 desc limit 1
        )
    );
    if kongflow.finish_waiting(v_id, 7, 'request', null, true, null, clock_timestamp() + p_shift) then
        return v_id;
    end if;
    return null;
end
$$
