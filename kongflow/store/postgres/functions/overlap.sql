-- Purpose: say whether a concrete name may belong to two queues or patterns at once. Too often true is harmless.
-- Caller: may_serve. Locks: nothing.
create or replace function kongflow.overlap(p_one text, p_other text) returns boolean
language sql immutable as $$
    select case
        when p_one = p_other then true
        when strpos(p_one, '*') = 0 and strpos(p_other, '*') = 0 then false
        else starts_with(left(p_one, length(shorter.prefix)), shorter.prefix)
            and starts_with(left(p_other, length(shorter.prefix)), shorter.prefix)
    end
    from (
        select case when length(a.prefix) < length(b.prefix) then a.prefix else b.prefix end as prefix
        from (select split_part(p_one, '*', 1) as prefix) as a, (select split_part(p_other, '*', 1) as prefix) as b
    ) as shorter
$$
