-- Purpose: read every published config. Caller: the roster. Locks: nothing.
select hash, queues from kongflow_config
