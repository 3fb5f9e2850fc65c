-- Purpose: return stored attempts with one more that has ended now. `p_ended` is what its runner says of it: outcome,
-- error and log. Of more than 30 the first 5 and the last 25 are kept. Caller: settle, finish_waiting. Locks: nothing.
create or replace function kongflow.with_attempt(
    p_attempts jsonb, p_attempt integer, p_runner text, p_started timestamptz, p_now timestamptz, p_ended jsonb
) returns jsonb
language sql immutable as $$
    select case when jsonb_array_length(p_attempts) < 30 then p_attempts else coalesce(p_attempts - 5, '[]') end
        || jsonb_build_array(
            jsonb_build_object(
                'attempt', p_attempt, 'runner', p_runner,
                'started_at', floor(extract(epoch from p_started) * 1000)::bigint,
                'ended_at', floor(extract(epoch from p_now) * 1000)::bigint
            )
            || p_ended
        )
$$
