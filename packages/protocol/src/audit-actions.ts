// Everything that the audit log tells of, with a sentence each: the list of docs/operating/audit.md.

export const auditActions = {
  'pipeline.create': 'made a pipeline, with its first version',
  'pipeline.update': 'made a new version of a pipeline',
  'pipeline.rollback': 'made an earlier version of a pipeline the newest one',
  'pipeline.delete': 'deleted a pipeline',
  'job.launch': 'launched a job of a pipeline',
  'job.retry': 'launched a finished job again',
  'job.cancel': 'asked for a job to be canceled',
  'audit.refused': 'refusals that came too often to be listed one by one, counted',
} as const;

export type AuditAction = keyof typeof auditActions;
