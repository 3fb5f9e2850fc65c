-- Purpose: read which of a runner's running jobs somebody asked to cancel. Caller: asked_to_cancel, about each second
-- while anything runs. Locks: nothing.
select lease from kongflow.job where state = 4 and runner = cast(:runner as bigint) and cancel_requested
