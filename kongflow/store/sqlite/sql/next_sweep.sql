-- Purpose: read the sweep to go on with: its place, and the name that it goes up to. Caller: the sweep. Locks: nothing.
select place, up_to from kongflow_sweep order by place desc limit 1
