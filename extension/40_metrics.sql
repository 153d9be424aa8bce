-- Reports of connections, and what is made of them ---------------------------------------------------------------------------
--
-- Reports are appended and never changed: many clients report at once, and rows that all of them update would make them wait
-- for each other. The worker reads each report once and keeps what follows from it in small tables of current values.

CREATE TABLE @extschema@.realtime_connection_metrics (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255 AND subscription_type <> '*'),
  connection_id text COLLATE "C" NOT NULL CHECK (octet_length(connection_id) BETWEEN 1 AND 255),
  total_messages_received bigint NOT NULL DEFAULT 0 CHECK (total_messages_received BETWEEN 0 AND 9007199254740992),
  total_messages_sent bigint NOT NULL DEFAULT 0 CHECK (total_messages_sent BETWEEN 0 AND 9007199254740992),
  avg_response_time_ms double precision CHECK (avg_response_time_ms BETWEEN 0 AND 1e12),
  error_count bigint NOT NULL DEFAULT 0 CHECK (error_count BETWEEN 0 AND 9007199254740992),
  retry_count integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
  bytes_transferred bigint NOT NULL DEFAULT 0 CHECK (bytes_transferred BETWEEN 0 AND 9007199254740992),
  cpu_usage double precision CHECK (cpu_usage BETWEEN 0 AND 1e12),
  memory_usage double precision CHECK (memory_usage BETWEEN 0 AND 1e12),
  connection_count integer CHECK (connection_count BETWEEN 0 AND 1000000),
  connection_quality @extschema@.connection_quality,
  health_score numeric(4,1) CHECK (health_score BETWEEN 0 AND 100),
  last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  transaction_id xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE @extschema@.realtime_connection_metrics IS
  'Reports of connections, one row a report. Counters are cumulative: they count from the beginning of the connection, up to 2^53. Measures go up to 1e12, connection_count up to 1000000; whatever is beyond is refused.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.subscription_type IS 'What the connection subscribes to, for example a table.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.connection_id IS 'The connection, by the name that its client gave it.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.total_messages_received IS 'Messages received since the connection began.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.total_messages_sent IS 'Messages sent since the connection began.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.avg_response_time_ms IS 'Average response time, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.error_count IS 'Errors since the connection began.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.retry_count IS 'Retries since the connection began.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.bytes_transferred IS 'Bytes in both directions since the connection began.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.cpu_usage IS 'Processor time that the client uses, in percent.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.memory_usage IS 'Memory that the client uses, in megabytes.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.connection_count IS 'How many connections the client holds; NULL counts as one.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.connection_quality IS 'Quality; computed by assess_connection_quality() when it is not given.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.health_score IS 'Health; computed by calculate_health_score() when it is not given.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.last_heartbeat_at IS 'When the client was last heard of.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.recorded_at IS 'When the report was made. The worker takes only reports of the last 12 hours into account.';
COMMENT ON COLUMN @extschema@.realtime_connection_metrics.transaction_id IS 'Transaction that wrote the row, by which the worker knows what is new; set by a trigger.';
CREATE INDEX realtime_connection_metrics_new ON @extschema@.realtime_connection_metrics (tenant_id, subscription_type, transaction_id);

CREATE TABLE @extschema@.realtime_metric_samples (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  metric text COLLATE "C" NOT NULL CHECK (metric ~ '^[a-z][a-z0-9_]{0,62}$'),
  value double precision NOT NULL CHECK (value BETWEEN -1e12 AND 1e12),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  transaction_id xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE @extschema@.realtime_metric_samples IS
  'Values of metrics that users define, one row a value, between -1e12 and 1e12.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.subscription_type IS 'What it is about; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.metric IS 'Name of the metric.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.value IS 'The value.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.recorded_at IS 'When it was measured. The worker takes only values of the last 12 hours into account.';
COMMENT ON COLUMN @extschema@.realtime_metric_samples.transaction_id IS 'Transaction that wrote the row, by which the worker knows what is new; set by a trigger.';
CREATE INDEX realtime_metric_samples_new ON @extschema@.realtime_metric_samples (tenant_id, subscription_type, transaction_id);

CREATE TABLE @extschema@.realtime_connections (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  connection_id text COLLATE "C" NOT NULL,
  total_messages_received bigint NOT NULL,
  total_messages_sent bigint NOT NULL,
  error_count bigint NOT NULL,
  retry_count integer NOT NULL,
  bytes_transferred bigint NOT NULL,
  avg_response_time_ms double precision,
  cpu_usage double precision,
  memory_usage double precision,
  connection_count integer NOT NULL,
  connection_quality @extschema@.connection_quality,
  health_score numeric(4,1),
  resets integer NOT NULL DEFAULT 0,
  first_seen_at timestamptz NOT NULL,
  last_heartbeat_at timestamptz NOT NULL,
  clock_offset bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, subscription_type, connection_id)
) WITH (fillfactor = 60);
COMMENT ON TABLE @extschema@.realtime_connections IS
  'What is known of each connection now. Written by the worker.';
COMMENT ON COLUMN @extschema@.realtime_connections.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_connections.subscription_type IS 'What the connection subscribes to, for example a table.';
COMMENT ON COLUMN @extschema@.realtime_connections.connection_id IS 'The connection.';
COMMENT ON COLUMN @extschema@.realtime_connections.total_messages_received IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.total_messages_sent IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.error_count IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.retry_count IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.bytes_transferred IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.avg_response_time_ms IS 'Of the last report, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_connections.cpu_usage IS 'Of the last report, in percent.';
COMMENT ON COLUMN @extschema@.realtime_connections.memory_usage IS 'Of the last report, in megabytes.';
COMMENT ON COLUMN @extschema@.realtime_connections.connection_count IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.connection_quality IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.health_score IS 'Of the last report.';
COMMENT ON COLUMN @extschema@.realtime_connections.resets IS 'How often a counter went backwards, because the client began anew.';
COMMENT ON COLUMN @extschema@.realtime_connections.first_seen_at IS 'When the connection was first reported.';
COMMENT ON COLUMN @extschema@.realtime_connections.last_heartbeat_at IS 'When it was last heard of.';
COMMENT ON COLUMN @extschema@.realtime_connections.clock_offset IS 'As in realtime_worker_state, when the row was written.';

CREATE TABLE @extschema@.realtime_health_status (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  status @extschema@.realtime_health NOT NULL DEFAULT 'unknown',
  active_connections integer NOT NULL DEFAULT 0 CHECK (active_connections BETWEEN 0 AND 1000000000),
  stale_connections integer NOT NULL DEFAULT 0 CHECK (stale_connections BETWEEN 0 AND 1000000000),
  success_rate double precision CHECK (success_rate BETWEEN 0 AND 1),
  error_rate double precision CHECK (error_rate BETWEEN 0 AND 1),
  avg_latency_ms double precision CHECK (avg_latency_ms BETWEEN 0 AND 1e12),
  p50_latency_ms double precision CHECK (p50_latency_ms BETWEEN 0 AND 1e12),
  p95_latency_ms double precision CHECK (p95_latency_ms BETWEEN 0 AND 1e12),
  p99_latency_ms double precision CHECK (p99_latency_ms BETWEEN 0 AND 1e12),
  retry_rate double precision CHECK (retry_rate BETWEEN 0 AND 1e12),
  messages_per_second double precision CHECK (messages_per_second BETWEEN 0 AND 1e12),
  bytes_per_second double precision CHECK (bytes_per_second BETWEEN 0 AND 1e12),
  cpu_usage double precision CHECK (cpu_usage BETWEEN 0 AND 1e12),
  memory_usage double precision CHECK (memory_usage BETWEEN 0 AND 1e12),
  health_score numeric(4,1) CHECK (health_score BETWEEN 0 AND 100),
  reason text,
  last_health_check_at timestamptz NOT NULL DEFAULT now(),
  reported boolean NOT NULL DEFAULT true,
  PRIMARY KEY (tenant_id, subscription_type)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.realtime_health_status IS
  'Health of each subscription now. Written by the worker with every change and every regular check; values that a user writes count until a connection reports.';
COMMENT ON COLUMN @extschema@.realtime_health_status.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_health_status.subscription_type IS 'What it is about; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.realtime_health_status.status IS 'The verdict.';
COMMENT ON COLUMN @extschema@.realtime_health_status.active_connections IS 'Connections whose heartbeat is fresh.';
COMMENT ON COLUMN @extschema@.realtime_health_status.stale_connections IS 'Connections whose heartbeats are missing.';
COMMENT ON COLUMN @extschema@.realtime_health_status.success_rate IS '1 - error_rate.';
COMMENT ON COLUMN @extschema@.realtime_health_status.error_rate IS 'Errors per message received, in the window of pg_realtime.health_window.';
COMMENT ON COLUMN @extschema@.realtime_health_status.avg_latency_ms IS 'Average response time in the window, in milliseconds, weighted by messages.';
COMMENT ON COLUMN @extschema@.realtime_health_status.p50_latency_ms IS 'Median of the response time in the window.';
COMMENT ON COLUMN @extschema@.realtime_health_status.p95_latency_ms IS '95th percentile.';
COMMENT ON COLUMN @extschema@.realtime_health_status.p99_latency_ms IS '99th percentile.';
COMMENT ON COLUMN @extschema@.realtime_health_status.retry_rate IS 'Retries per active connection in the window.';
COMMENT ON COLUMN @extschema@.realtime_health_status.messages_per_second IS 'Messages in both directions.';
COMMENT ON COLUMN @extschema@.realtime_health_status.bytes_per_second IS 'Bytes in both directions.';
COMMENT ON COLUMN @extschema@.realtime_health_status.cpu_usage IS 'Average of the reports in the window, in percent.';
COMMENT ON COLUMN @extschema@.realtime_health_status.memory_usage IS 'Average of the reports in the window, in megabytes.';
COMMENT ON COLUMN @extschema@.realtime_health_status.health_score IS 'calculate_health_score() of the values above.';
COMMENT ON COLUMN @extschema@.realtime_health_status.reason IS 'What pulls the score down most: latency, errors, retries, memory or heartbeat.';
COMMENT ON COLUMN @extschema@.realtime_health_status.last_health_check_at IS 'When the values were last computed or written.';
COMMENT ON COLUMN @extschema@.realtime_health_status.reported IS 'Whether a user wrote the values: true unless the worker did.';

CREATE TABLE @extschema@.realtime_metric_rollups (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  resolution integer NOT NULL CHECK (resolution IN (10, 60, 3600)),
  bucket_start timestamptz NOT NULL,
  reports bigint NOT NULL,
  messages_received bigint NOT NULL,
  messages_sent bigint NOT NULL,
  errors bigint NOT NULL,
  retries bigint NOT NULL,
  bytes bigint NOT NULL,
  latency @extschema@.realtime_sketch,
  active_connections integer NOT NULL,
  stale_connections integer NOT NULL,
  cpu_sum double precision NOT NULL,
  cpu_count bigint NOT NULL,
  memory_sum double precision NOT NULL,
  memory_count bigint NOT NULL,
  memory_max double precision,
  health_score numeric(4,1),
  clock_offset bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, subscription_type, resolution, bucket_start, clock_offset)
) PARTITION BY RANGE (bucket_start);
COMMENT ON TABLE @extschema@.realtime_metric_rollups IS
  'What happened to a subscription in buckets of time: the source of trends. Written by the worker. Counters stop at 2^53.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.subscription_type IS 'What it is about; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.resolution IS 'Length of the bucket in seconds.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.bucket_start IS 'Begin of the bucket.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.reports IS 'Reports that fell into it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.messages_received IS 'Messages received in it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.messages_sent IS 'Messages sent in it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.errors IS 'Errors in it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.retries IS 'Retries in it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.bytes IS 'Bytes in it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.latency IS 'Response times in milliseconds, weighted by messages.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.active_connections IS 'Active connections at its end.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.stale_connections IS 'Stale connections at its end.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.cpu_sum IS 'Sum of reported cpu_usage.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.cpu_count IS 'How many reports had it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.memory_sum IS 'Sum of reported memory_usage.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.memory_count IS 'How many reports had it.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.memory_max IS 'Largest reported memory_usage.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.health_score IS 'Health at its end.';
COMMENT ON COLUMN @extschema@.realtime_metric_rollups.clock_offset IS 'As in realtime_worker_state, when the bucket began: after the clock was set back there are two buckets of the same time.';

CREATE TABLE @extschema@.realtime_sample_rollups (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  metric text COLLATE "C" NOT NULL,
  resolution integer NOT NULL CHECK (resolution IN (10, 60, 3600)),
  bucket_start timestamptz NOT NULL,
  count bigint NOT NULL,
  sum double precision NOT NULL,
  min double precision NOT NULL,
  max double precision NOT NULL,
  last double precision NOT NULL,
  distribution @extschema@.realtime_sketch NOT NULL,
  last_at timestamptz,
  clock_offset bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, subscription_type, metric, resolution, bucket_start, clock_offset)
) PARTITION BY RANGE (bucket_start);
COMMENT ON TABLE @extschema@.realtime_sample_rollups IS
  'Values of user-defined metrics in buckets of time. Written by the worker.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.subscription_type IS 'What it is about; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.metric IS 'Name of the metric.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.resolution IS 'Length of the bucket in seconds.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.bucket_start IS 'Begin of the bucket.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.count IS 'Values in it.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.sum IS 'Their sum.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.min IS 'The least.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.max IS 'The greatest.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.last IS 'The one that was measured last; of one time, the one that was written last.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.distribution IS 'All of them.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.last_at IS 'When the last one was measured.';
COMMENT ON COLUMN @extschema@.realtime_sample_rollups.clock_offset IS 'As in realtime_metric_rollups.';

CREATE TABLE @extschema@.realtime_ingest_positions (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  consumed pg_snapshot NOT NULL,
  PRIMARY KEY (tenant_id, subscription_type)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.realtime_ingest_positions IS
  'How far the worker has read: reports of transactions that are visible in the snapshot are in the tables above.';
COMMENT ON COLUMN @extschema@.realtime_ingest_positions.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_ingest_positions.subscription_type IS 'What the connection subscribes to, for example a table.';
COMMENT ON COLUMN @extschema@.realtime_ingest_positions.consumed IS 'The snapshot under which reports were last read.';

CREATE TABLE @extschema@.realtime_subscription_events (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  connection_id text COLLATE "C" CHECK (octet_length(connection_id) BETWEEN 1 AND 255),
  subscription_type text COLLATE "C" CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  event_type text NOT NULL CHECK (octet_length(event_type) BETWEEN 1 AND 255),
  channel text CHECK (octet_length(channel) <= 255),
  detail jsonb NOT NULL DEFAULT '{}',
  correlation_id text CHECK (octet_length(correlation_id) <= 255),
  occurred_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (occurred_at);
COMMENT ON TABLE @extschema@.realtime_subscription_events IS
  'What happened to connections and subscriptions, as clients and the gateway tell it.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.event_id IS 'Identifies the event.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.connection_id IS 'The connection, if it is about one.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.subscription_type IS 'The subscription, if it is about one.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.event_type IS 'What happened, for example subscribed, disconnected, error.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.channel IS 'The channel, if it is about one.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.detail IS 'Anything more.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.correlation_id IS 'Ties together what belongs to one request.';
COMMENT ON COLUMN @extschema@.realtime_subscription_events.occurred_at IS 'When it happened.';
CREATE INDEX realtime_subscription_events_time ON @extschema@.realtime_subscription_events (tenant_id, occurred_at);

CREATE TYPE @extschema@.batch_status AS ENUM ('processing', 'completed', 'partial', 'failed');
COMMENT ON TYPE @extschema@.batch_status IS 'partial: some items of the batch failed; failed: all of them.';
CREATE TABLE @extschema@.batch_processing_logs (
  tenant_id uuid NOT NULL,
  batch_id text COLLATE "C" NOT NULL CHECK (octet_length(batch_id) BETWEEN 1 AND 255),
  operation_type text CHECK (octet_length(operation_type) <= 255),
  item_count integer NOT NULL DEFAULT 0 CHECK (item_count BETWEEN 0 AND 1000000),
  succeeded_count integer NOT NULL DEFAULT 0 CHECK (succeeded_count BETWEEN 0 AND 1000000),
  failed_count integer NOT NULL DEFAULT 0 CHECK (failed_count BETWEEN 0 AND 1000000),
  status @extschema@.batch_status NOT NULL DEFAULT 'processing',
  started_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  duration_ms double precision CHECK (duration_ms BETWEEN 0 AND 1e12),
  error text
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE @extschema@.batch_processing_logs IS
  'Batches that process_batch() worked on, or that clients logged themselves.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.batch_id IS 'The batch, by the name that its client gave it.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.operation_type IS 'What kind of batch it is.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.item_count IS 'Items in it.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.succeeded_count IS 'Items that succeeded.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.failed_count IS 'Items that failed.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.status IS 'How it went.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.started_at IS 'When it began.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.completed_at IS 'When it ended.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN @extschema@.batch_processing_logs.error IS 'The first error.';
CREATE INDEX batch_processing_logs_time ON @extschema@.batch_processing_logs (tenant_id, started_at);

CREATE TABLE @extschema@.realtime_batches (
  tenant_id uuid NOT NULL,
  batch_id text COLLATE "C" NOT NULL CHECK (octet_length(batch_id) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  response jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, batch_id)
);
COMMENT ON TABLE @extschema@.realtime_batches IS
  'Answers of batches, so that one that is sent again is not worked on again. Kept for a day.';
COMMENT ON COLUMN @extschema@.realtime_batches.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_batches.batch_id IS 'The batch.';
COMMENT ON COLUMN @extschema@.realtime_batches.request_hash IS 'Of what was asked, to tell a repetition from another batch of the same name.';
COMMENT ON COLUMN @extschema@.realtime_batches.response IS 'The answer; NULL while it is worked on.';
COMMENT ON COLUMN @extschema@.realtime_batches.created_at IS 'When it was begun.';

CREATE TABLE @extschema@.realtime_subscriptions (
  tenant_id uuid NOT NULL,
  connection_id text COLLATE "C" NOT NULL CHECK (octet_length(connection_id) BETWEEN 1 AND 255),
  channel text COLLATE "C" NOT NULL CHECK (octet_length(channel) BETWEEN 1 AND 255),
  subscription_type text COLLATE "C" CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  filter jsonb NOT NULL DEFAULT '{}',
  subscribed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id, channel)
);
COMMENT ON TABLE @extschema@.realtime_subscriptions IS
  'Channels that connections are subscribed to, as process_batch() and the gateway keep it.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.connection_id IS 'The connection.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.channel IS 'The channel.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.subscription_type IS 'What it is about.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.filter IS 'Which rows it wants.';
COMMENT ON COLUMN @extschema@.realtime_subscriptions.subscribed_at IS 'When it was subscribed.';

-- The outcome of a batch is a metric of the tenant as a whole: rules on batch_failure_rate look at these two.
CREATE FUNCTION @extschema@.realtime_note_batch() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NEW.status <> 'processing' AND (TG_OP = 'INSERT' OR OLD.status = 'processing') THEN
    INSERT INTO @extschema@.realtime_metric_samples (tenant_id, subscription_type, metric, value)
    VALUES (NEW.tenant_id, '*', 'batch_items', NEW.item_count), (NEW.tenant_id, '*', 'batch_failures', NEW.failed_count);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_note_batch() IS 'Trigger of batch_processing_logs: makes samples of finished batches, for rules on batch_failure_rate.';
REVOKE ALL ON FUNCTION @extschema@.realtime_note_batch() FROM PUBLIC;
CREATE TRIGGER realtime_note_batch AFTER INSERT OR UPDATE ON @extschema@.batch_processing_logs
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_note_batch();

-- It runs with the rights of the role that changes the table and reads nothing by SQL; only the counts are written with those of the
-- extension's owner. Who may attach it to a table may count for any tenant.
CREATE FUNCTION @extschema@.realtime_track_changes() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_track_changes';
COMMENT ON FUNCTION @extschema@.realtime_track_changes() IS
  'Trigger for tables of users, AFTER each statement of INSERT, UPDATE or DELETE, with a transition table: counts the rows of each tenant as metric <table>_inserts, _updates or _deletes. Argument: the tenant column, a uuid or the text of one (default tenant_id).';
REVOKE ALL ON FUNCTION @extschema@.realtime_track_changes() FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.realtime_connections', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.realtime_health_status', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.realtime_subscriptions', '');
