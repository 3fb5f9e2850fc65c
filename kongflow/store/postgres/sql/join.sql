-- Purpose: register a runner, and read the server's time. Caller: join. Locks: see functions/join.sql.
select kongflow.join(cast(:host as text), cast(:pid as integer), cast(:config as text), cast(:rules as jsonb),
    cast(:retention as double precision[]), cast(:declared as text), cast(:serves as text[]),
    cast(:tasks as text[]), cast(:forbidden_flags as text[]), cast(:terms as jsonb),
    cast(:lease as double precision), cast(:ticks as boolean), cast(:shift as interval)), clock_timestamp()
