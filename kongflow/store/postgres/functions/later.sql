-- Purpose: return the instant so many seconds after another, at most the last one that the tables hold.
-- Caller: everything that waits. Locks: nothing.
create or replace function kongflow.later(p_now timestamptz, p_seconds double precision) returns timestamptz
language sql immutable as $$
    select case
        when p_seconds <= 0 then p_now
        when p_seconds > extract(epoch from timestamptz '9999-12-31 23:59:59.999+00' - p_now)
            then timestamptz '9999-12-31 23:59:59.999+00'
        else p_now + make_interval(secs => p_seconds)
    end
$$
