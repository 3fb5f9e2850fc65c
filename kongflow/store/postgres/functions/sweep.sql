-- Purpose: go on with a sweep: return the next lanes with blocked jobs, up to `p_most`, after jobs that wait for a
-- pattern which their queue does not share any more have been moved to their queue. Its patterns are noted at the end:
-- until then such a job may have got a slot of theirs. Caller: put_right. Locks: the note of the sweep, and jobs that
-- it moves, without waiting.
create or replace function kongflow.sweep(p_most integer) returns text[]
language plpgsql as $$
declare
    v_part record;
    v_names text[];
    v_moved integer;
begin
    delete from kongflow.lane_check
    where ctid = any (array(
        select ctid from kongflow.lane_check where sweep order by lane desc limit 1 for update skip locked
    ))
    returning lane, up_to into v_part;
    if not found then
        return '{}';
    end if;
    v_names := array(
        select name from unnest(kongflow.names_of_waiting(v_part.lane, p_most)) as n (name)
        where v_part.up_to is null or name collate "C" <= v_part.up_to
    );
    v_moved := kongflow.release_moved(v_names);
    if v_moved = 2000 then
        insert into kongflow.lane_check (lane, sweep, up_to) values (v_part.lane, true, v_part.up_to);
    elsif cardinality(v_names) = p_most then
        insert into kongflow.lane_check (lane, sweep, up_to) values (v_names[p_most], true, v_part.up_to);
    else
        insert into kongflow.lane_check (lane)
        select name from kongflow.rule r
        where config = (select value from kongflow.meta where name = 'in_force') and is_pattern
            and max_active is not null
            and kongflow.has_blocked(r.name);
    end if;
    return array(
        select name from unnest(v_names) as n (name)
        where kongflow.has_blocked(name)
    );
end
$$
