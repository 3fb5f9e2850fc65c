-- Purpose: read the time, whether the config of a runner is in force, and every schedule that was seen, with whether
-- what its slot waits for has ended; one row without a name where there is none. Caller: states. Locks: nothing.
select date_trunc('milliseconds', clock_timestamp() + cast(:shift as interval)),
    kongflow.ticks_now(cast(:runner as bigint)), s.name, s.timing, s.decided_up_to, s.waiting_slot,
    s.waiting_backfilled, exists (select from kongflow.schedule_pause p where p.name = s.name),
    s.waiting_slot is not null and kongflow.unfinished_of(s.name) = '{}'
from (select) as one left join kongflow.schedule s on true
