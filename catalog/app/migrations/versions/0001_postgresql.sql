-- Purpose: the application's tables, for PostgreSQL. Caller: 0001_first_tables.py.

create table app.organizations (
    id varchar primary key,
    slug varchar not null,
    title varchar not null,
    constraint organizations_slug_key unique (slug)
);
create table app.integrations (
    id varchar primary key,
    slug varchar not null,
    title varchar not null,
    auth_source varchar(30) not null,
    organization_id varchar not null,
    constraint integrations_organization_id_slug_key unique (organization_id, slug),
    constraint integrations_organization_id_fkey foreign key(organization_id)
        references app.organizations (id) on delete cascade
);
create table app.projects (
    id varchar primary key,
    slug varchar not null,
    name varchar not null,
    organization_id varchar not null,
    constraint projects_slug_key unique (slug),
    constraint projects_organization_id_fkey foreign key(organization_id)
        references app.organizations (id) on delete cascade
);
create table app.jobs (
    id varchar primary key,
    slug varchar not null,
    title varchar not null,
    internal boolean not null,
    last_number integer not null,
    project_id varchar not null,
    constraint jobs_project_id_slug_key unique (project_id, slug),
    constraint jobs_project_id_fkey foreign key(project_id) references app.projects (id) on delete cascade
);
create table app.missing_connections (
    id varchar primary key,
    type varchar(30) not null,
    account_identifier varchar not null,
    integration_id varchar not null,
    constraint missing_connections_integration_id_type_account_identifier_key
        unique (integration_id, type, account_identifier),
    constraint missing_connections_integration_id_fkey foreign key(integration_id)
        references app.integrations (id) on delete cascade
);
create table app.runtime_environments (
    id varchar primary key,
    slug varchar not null,
    type varchar(30) not null,
    api_key varchar not null,
    api_key_digest varchar not null,
    project_id varchar not null,
    constraint runtime_environments_project_id_slug_key unique (project_id, slug),
    constraint runtime_environments_api_key_digest_key unique (api_key_digest),
    constraint runtime_environments_project_id_fkey foreign key(project_id)
        references app.projects (id) on delete cascade
);
create table app.endpoints (
    id varchar primary key,
    slug varchar not null,
    url varchar not null,
    indexing_hook varchar not null,
    environment_id varchar not null,
    constraint endpoints_environment_id_slug_key unique (environment_id, slug),
    constraint endpoints_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create table app.external_accounts (
    id varchar primary key,
    identifier varchar not null,
    account_metadata json,
    environment_id varchar not null,
    constraint external_accounts_environment_id_identifier_key unique (environment_id, identifier),
    constraint external_accounts_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create table app.job_queues (
    id varchar primary key,
    name varchar not null,
    job_count integer not null,
    max_jobs integer not null,
    environment_id varchar not null,
    constraint job_queues_environment_id_name_key unique (environment_id, name),
    constraint job_queues_job_count_check check (job_count >= 0),
    constraint job_queues_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create table app.dynamic_triggers (
    id varchar primary key,
    type varchar(30) not null,
    slug varchar not null,
    offered boolean not null,
    endpoint_id varchar not null,
    constraint dynamic_triggers_endpoint_id_slug_type_key unique (endpoint_id, slug, type),
    constraint dynamic_triggers_endpoint_id_fkey foreign key(endpoint_id)
        references app.endpoints (id) on delete cascade
);
create table app.endpoint_indexes (
    id varchar primary key,
    endpoint_id varchar not null,
    source varchar not null,
    source_data json,
    reason varchar,
    stats json not null,
    data json not null,
    created_at timestamp with time zone not null,
    constraint endpoint_indexes_endpoint_id_fkey foreign key(endpoint_id)
        references app.endpoints (id) on delete cascade
);
create index endpoint_indexes_endpoint_id_created_at_ix on app.endpoint_indexes (endpoint_id, created_at);
create table app.event_dispatchers (
    id varchar primary key,
    events json not null,
    source varchar not null,
    payload_filter json,
    context_filter json,
    manual boolean not null,
    enabled boolean not null,
    dispatchable_id varchar not null,
    dispatchable json not null,
    external_account_id varchar,
    environment_id varchar not null,
    constraint event_dispatchers_dispatchable_id_environment_id_key unique (dispatchable_id, environment_id),
    constraint event_dispatchers_external_account_id_fkey foreign key(external_account_id)
        references app.external_accounts (id) on delete cascade,
    constraint event_dispatchers_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create index event_dispatchers_environment_id_source_ix on app.event_dispatchers (environment_id, source);
create table app.event_records (
    id varchar primary key,
    event_id varchar not null,
    name varchar not null,
    timestamp timestamp with time zone not null,
    payload json,
    context json,
    source_context json,
    source varchar not null,
    deliver_at timestamp with time zone not null,
    delivered_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    is_test boolean not null,
    created_at timestamp with time zone not null,
    external_account_id varchar,
    environment_id varchar not null,
    constraint event_records_event_id_environment_id_key unique (event_id, environment_id),
    constraint event_records_external_account_id_fkey foreign key(external_account_id)
        references app.external_accounts (id) on delete cascade,
    constraint event_records_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create table app.integration_connections (
    id varchar primary key,
    type varchar(30) not null,
    integration_id varchar not null,
    external_account_id varchar,
    constraint integration_connections_integration_id_fkey foreign key(integration_id)
        references app.integrations (id) on delete cascade,
    constraint integration_connections_external_account_id_fkey foreign key(external_account_id)
        references app.external_accounts (id) on delete cascade
);
create index integration_connections_integration_id_ix on app.integration_connections (integration_id);
create table app.job_versions (
    id varchar primary key,
    version varchar not null,
    status varchar(30) not null,
    job_id varchar not null,
    environment_id varchar not null,
    endpoint_id varchar not null,
    queue_id varchar not null,
    event_specification json not null,
    trigger json not null,
    properties json,
    start_position varchar not null,
    preprocess_runs boolean not null,
    constraint job_versions_job_id_version_environment_id_key unique (job_id, version, environment_id),
    constraint job_versions_job_id_fkey foreign key(job_id) references app.jobs (id) on delete cascade,
    constraint job_versions_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade,
    constraint job_versions_endpoint_id_fkey foreign key(endpoint_id) references app.endpoints (id) on delete cascade,
    constraint job_versions_queue_id_fkey foreign key(queue_id) references app.job_queues (id) on delete cascade
);
create index job_versions_endpoint_id_ix on app.job_versions (endpoint_id);
create table app.dynamic_trigger_jobs (
    dynamic_trigger_id varchar not null,
    job_id varchar not null,
    constraint dynamic_trigger_jobs_pkey primary key (dynamic_trigger_id, job_id),
    constraint dynamic_trigger_jobs_dynamic_trigger_id_fkey foreign key(dynamic_trigger_id)
        references app.dynamic_triggers (id) on delete cascade,
    constraint dynamic_trigger_jobs_job_id_fkey foreign key(job_id) references app.jobs (id) on delete cascade
);
create table app.event_examples (
    id varchar primary key,
    slug varchar not null,
    name varchar not null,
    icon varchar,
    payload json,
    version_id varchar not null,
    constraint event_examples_version_id_slug_key unique (version_id, slug),
    constraint event_examples_version_id_fkey foreign key(version_id) references app.job_versions (id) on delete cascade
);
create table app.job_aliases (
    id varchar primary key,
    name varchar not null,
    value varchar not null,
    job_id varchar not null,
    environment_id varchar not null,
    version_id varchar not null,
    constraint job_aliases_job_id_environment_id_name_key unique (job_id, environment_id, name),
    constraint job_aliases_job_id_fkey foreign key(job_id) references app.jobs (id) on delete cascade,
    constraint job_aliases_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade,
    constraint job_aliases_version_id_fkey foreign key(version_id) references app.job_versions (id) on delete cascade
);
create table app.job_integrations (
    id varchar primary key,
    key varchar not null,
    version_id varchar not null,
    integration_id varchar not null,
    constraint job_integrations_version_id_key_key unique (version_id, key),
    constraint job_integrations_version_id_fkey foreign key(version_id)
        references app.job_versions (id) on delete cascade,
    constraint job_integrations_integration_id_fkey foreign key(integration_id)
        references app.integrations (id) on delete cascade
);
create table app.job_runs (
    id varchar primary key,
    number integer not null,
    status varchar(30) not null,
    is_test boolean not null,
    preprocess boolean not null,
    properties json,
    output json,
    yielded_executions json not null,
    created_at timestamp with time zone not null,
    looked_at timestamp with time zone,
    queued_at timestamp with time zone,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    job_id varchar not null,
    version_id varchar not null,
    event_id varchar not null,
    endpoint_id varchar not null,
    environment_id varchar not null,
    queue_id varchar not null,
    external_account_id varchar,
    constraint job_runs_job_id_number_key unique (job_id, number),
    constraint job_runs_job_id_fkey foreign key(job_id) references app.jobs (id) on delete cascade,
    constraint job_runs_version_id_fkey foreign key(version_id) references app.job_versions (id) on delete cascade,
    constraint job_runs_event_id_fkey foreign key(event_id) references app.event_records (id) on delete cascade,
    constraint job_runs_endpoint_id_fkey foreign key(endpoint_id) references app.endpoints (id) on delete cascade,
    constraint job_runs_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade,
    constraint job_runs_queue_id_fkey foreign key(queue_id) references app.job_queues (id) on delete cascade,
    constraint job_runs_external_account_id_fkey foreign key(external_account_id)
        references app.external_accounts (id) on delete cascade
);
create index job_runs_event_id_ix on app.job_runs (event_id);
create index job_runs_queue_id_status_queued_at_ix on app.job_runs (queue_id, status, queued_at);
create index job_runs_status_ix on app.job_runs (status);
create table app.schedule_sources (
    id varchar primary key,
    key varchar not null,
    schedule json not null,
    active boolean not null,
    last_event_at timestamp with time zone,
    next_event_at timestamp with time zone,
    source_metadata json,
    dispatcher_id varchar not null,
    dynamic_trigger_id varchar,
    external_account_id varchar,
    environment_id varchar not null,
    constraint schedule_sources_key_environment_id_key unique (key, environment_id),
    constraint schedule_sources_dispatcher_id_fkey foreign key(dispatcher_id)
        references app.event_dispatchers (id) on delete cascade,
    constraint schedule_sources_dynamic_trigger_id_fkey foreign key(dynamic_trigger_id)
        references app.dynamic_triggers (id) on delete cascade,
    constraint schedule_sources_external_account_id_fkey foreign key(external_account_id)
        references app.external_accounts (id) on delete cascade,
    constraint schedule_sources_environment_id_fkey foreign key(environment_id)
        references app.runtime_environments (id) on delete cascade
);
create table app.missing_connection_runs (
    missing_connection_id varchar not null,
    run_id varchar not null,
    constraint missing_connection_runs_pkey primary key (missing_connection_id, run_id),
    constraint missing_connection_runs_missing_connection_id_fkey foreign key(missing_connection_id)
        references app.missing_connections (id) on delete cascade,
    constraint missing_connection_runs_run_id_fkey foreign key(run_id) references app.job_runs (id) on delete cascade
);
create table app.run_connections (
    id varchar primary key,
    key varchar not null,
    run_id varchar not null,
    integration_id varchar not null,
    connection_id varchar,
    constraint run_connections_run_id_key_key unique (run_id, key),
    constraint run_connections_run_id_fkey foreign key(run_id) references app.job_runs (id) on delete cascade,
    constraint run_connections_integration_id_fkey foreign key(integration_id)
        references app.integrations (id) on delete cascade,
    constraint run_connections_connection_id_fkey foreign key(connection_id)
        references app.integration_connections (id) on delete cascade
);
create table app.run_statuses (
    id varchar primary key,
    key varchar not null,
    label varchar,
    state varchar,
    data json,
    history json,
    created_at timestamp with time zone not null,
    updated_at timestamp with time zone not null,
    run_id varchar not null,
    constraint run_statuses_run_id_key_key unique (run_id, key),
    constraint run_statuses_run_id_fkey foreign key(run_id) references app.job_runs (id) on delete cascade
);
create table app.tasks (
    id varchar primary key,
    idempotency_key varchar not null,
    status varchar(30) not null,
    name varchar not null,
    display_key varchar,
    icon varchar,
    description varchar,
    noop boolean not null,
    delay_until timestamp with time zone,
    operation varchar,
    connection_key varchar,
    child_execution_mode varchar not null,
    params json,
    properties json,
    output_properties json,
    redact json,
    style json,
    context json,
    output json,
    error varchar,
    created_at timestamp with time zone not null,
    due_at timestamp with time zone,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    run_id varchar not null,
    parent_id varchar,
    constraint tasks_run_id_idempotency_key_key unique (run_id, idempotency_key),
    constraint tasks_run_id_fkey foreign key(run_id) references app.job_runs (id) on delete cascade,
    constraint tasks_parent_id_fkey foreign key(parent_id) references app.tasks (id) on delete cascade
);
create table app.job_run_executions (
    id varchar primary key,
    reason varchar(30) not null,
    status varchar(30) not null,
    retry_count integer not null,
    retry_limit integer not null,
    retry_delay_ms integer not null,
    is_retry boolean not null,
    error json,
    job_number bigint not null,
    job_claims integer not null,
    due_at timestamp with time zone not null,
    created_at timestamp with time zone not null,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    run_id varchar not null,
    resume_task_id varchar,
    constraint job_run_executions_run_id_fkey foreign key(run_id) references app.job_runs (id) on delete cascade,
    constraint job_run_executions_resume_task_id_fkey foreign key(resume_task_id)
        references app.tasks (id) on delete cascade
);
create index job_run_executions_run_id_ix on app.job_run_executions (run_id);
create index job_run_executions_status_due_at_ix on app.job_run_executions (status, due_at);
create table app.task_attempts (
    id varchar primary key,
    number integer not null,
    status varchar(30) not null,
    error varchar,
    run_at timestamp with time zone,
    task_id varchar not null,
    constraint task_attempts_task_id_number_key unique (task_id, number),
    constraint task_attempts_task_id_fkey foreign key(task_id) references app.tasks (id) on delete cascade
);
