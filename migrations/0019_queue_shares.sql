-- For the fair share of pipelines: the first jobs of each one, however many wait of others.
CREATE INDEX CONCURRENTLY job_queue_shares ON job_queue (pipeline_name COLLATE "C", (- priority), job_id);
