-- Purpose: return the seconds until the next scheduled job is due; null where there is none. Caller: next_due.
-- Locks: nothing.
select case when first is not null
    then greatest(extract(epoch from first - clock_timestamp() - cast(:shift as interval)), 0)::double precision
end
from (select min(run_at) as first from kongflow.job where state = 1) as scheduled
