-- Purpose: cancel a waiting job, or ask for the cancel of a running one; a finished one is left as it is. Caller:
-- cancel. Locks: the job, for which it waits.
create or replace function kongflow.cancel(p_id bigint, p_shift interval) returns setof kongflow.job_row
language plpgsql as $$
begin
    perform kongflow.durable();
    perform from kongflow.job where id = p_id for update;
    update kongflow.job set cancel_requested = true where id = p_id and lease is not null;
    if not found then
        perform kongflow.finish_waiting(p_id, 7, 'request', null, true, null, clock_timestamp() + p_shift);
    end if;
    return query select * from kongflow.job_row where id = p_id;
end
$$
