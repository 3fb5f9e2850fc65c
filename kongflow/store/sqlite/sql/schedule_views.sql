-- Purpose: read every schedule that was seen or paused: its pause, its last slot with what became of its job, and its
-- jobs that have not ended. Caller: views. Locks: nothing.
select names.name, s.timing, s.decided_up_to, s.waiting_slot, s.waiting_backfilled, p.reason, p.author, p.paused_at,
    last.at, last.backfilled, last.outcome, last.job, last.note,
    coalesce(live.state, ended.state), coalesce(live.attempt, ended.attempt),
    (
        select json_group_array(id)
        from (select id from kongflow_job j where j.schedule = names.name and j.schedule is not null order by id
            limit 100)
    )
from (select name from kongflow_schedule union select name from kongflow_schedule_pause) as names
left join kongflow_schedule s on s.name = names.name
left join kongflow_schedule_pause p on p.name = names.name
left join kongflow_slot last on last.schedule = names.name
    and last.at = (select max(at) from kongflow_slot where schedule = names.name)
left join kongflow_job live on live.id = last.job
left join kongflow_history ended on ended.id = last.job
order by names.name
