-- Purpose: read the live runners and what they take. Caller: the roster. Locks: nothing.
select id, tasks, queues, forbidden_flags, config from kongflow_runner where alive
