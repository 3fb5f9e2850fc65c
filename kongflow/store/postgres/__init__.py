"""The PostgreSQL dialect: functions in the database; a call is one statement, and holds a connection only meanwhile."""
