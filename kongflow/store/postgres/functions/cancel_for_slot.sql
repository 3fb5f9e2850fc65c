-- Purpose: cancel a job that a slot does not run beside, or ask for it. One that somebody's transaction holds for
-- longer than `lock_timeout` is not cancelled: the slot waits for its end. Caller: decide_slot. Locks: the job.
create or replace function kongflow.cancel_for_slot(p_id bigint, p_shift interval) returns void
language plpgsql as $$
begin
    perform kongflow.cancel(p_id, p_shift);
exception
    when lock_not_available then
        null;
end
$$
