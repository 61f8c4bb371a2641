-- What a job tells about itself in Markdown, for its page; one for each attempt.
ALTER TABLE job_attempts ADD COLUMN summary text;
