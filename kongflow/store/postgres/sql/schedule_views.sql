-- Purpose: read every schedule that was seen or paused: its pause, its last slot with what became of its job, and its
-- jobs that have not ended. Caller: views. Locks: nothing.
select names.name, s.timing, s.decided_up_to, s.waiting_slot, s.waiting_backfilled, p.reason, p.author, p.paused_at,
    last.at, last.backfilled, last.outcome, last.job, last.note,
    ran.state, ran.attempt,
    array(
        select id from kongflow.job j
        where j.schedule = names.name and j.schedule is not null
        order by id + 0
        limit 100
    )
from (select name from kongflow.schedule union select name from kongflow.schedule_pause) as names
left join kongflow.schedule s on s.name = names.name
left join kongflow.schedule_pause p on p.name = names.name
left join lateral (
    select * from kongflow.slot where slot.schedule = names.name order by slot.at desc limit 1
) as last on true
left join lateral (
    select state, attempt from kongflow.job where id = last.job
    union all
    select state, attempt from kongflow.history where id = last.job
    limit 1
) as ran on true
order by names.name
