-- Purpose: say whether the server has the settings that our session asked for; a pooler may have dropped them.
-- Caller: open. Locks: nothing.
select current_setting('kongflow_session.ours', true) is not distinct from 'yes'
