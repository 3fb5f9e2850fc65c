-- Purpose: note whether ready jobs of kinds that a runner does not take are about: then it looks for its own kind by
-- kind, and does not read all of theirs. Returns whether a ready job is about that it takes, as far as the best of each
-- kind tells; a suspect only where it may take any. Caller: repair, claim.
-- Locks: the runner, where the answer has changed, and without waiting: its callers hold lanes, and a claim that waits
-- for one of these may hold the runner.
create or replace function kongflow.look_by_kind(p_runner bigint, p_suspects integer) returns boolean
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_runner kongflow.runner;
    v_job record;
    v_kind bigint := -9223372036854775808;
    v_mine boolean := false;
    v_others boolean := false;
begin
    select * into v_runner from kongflow.runner where id = p_runner;
    while found and not (v_mine and v_others) loop
        select kind, task, flags, queue, rule, crashes into v_job from kongflow.job
        where state = 2 and run_at is not null and kind > v_kind order by kind limit 1;
        exit when not found;
        v_kind := v_job.kind;
        if not kongflow.takes_kind(v_runner, v_job.task, v_job.flags, v_job.queue, v_job.rule) then
            v_others := true;
        elsif kongflow.serves(v_runner.serves, v_runner.config, v_job.queue) then
            v_mine := v_mine or p_suspects > 0 or not kongflow.is_suspect(v_runner.terms, v_job.task, v_job.crashes)
                or exists (select from kongflow.job where state = 2 and run_at is not null and kind = v_kind
                    and crashes = 0);
        end if;
    end loop;
    update kongflow.runner set by_kind = v_others
    where id = (select id from kongflow.runner where id = p_runner and by_kind <> v_others for update skip locked);
    return v_mine;
end
$$
