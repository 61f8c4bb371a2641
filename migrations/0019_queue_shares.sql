-- For the fair share of pipelines: the first jobs of each one of a priority, however many wait of others.
CREATE INDEX CONCURRENTLY job_queue_shares ON job_queue ((- priority), pipeline_name COLLATE "C", job_id);
