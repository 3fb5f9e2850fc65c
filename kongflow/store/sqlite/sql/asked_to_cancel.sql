-- Purpose: read which of a runner's running jobs somebody asked to cancel. Caller: asked_to_cancel, about each second
-- while anything runs. Locks: nothing.
select lease from kongflow_job where state = 4 and runner = :runner and cancel_requested
