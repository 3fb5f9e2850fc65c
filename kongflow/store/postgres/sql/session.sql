-- Purpose: say whether the server has the settings that our session asked for, which a pooler may have dropped, and in
-- which encoding the database keeps text. Caller: open. Locks: nothing.
select current_setting('kongflow_session.ours', true) is not distinct from 'yes', current_setting('server_encoding')
