// Routes of the audit log.
import * as audit from '../api/audit.ts';
import { route } from './route.ts';

export const auditRoutes = {
  listAuditEntries: route({
    method: 'GET',
    path: '/audit',
    permission: 'audit.view',
    summary: 'List who did what, newest first',
    query: audit.AuditQuery,
    response: audit.AuditList,
  }),
  verifyAuditLog: route({
    method: 'GET',
    path: '/audit/verify',
    permission: 'audit.view',
    summary: 'Check a part of the audit log: rows that were changed, removed, put in or moved',
    query: audit.AuditVerifyQuery,
    response: audit.AuditVerification,
  }),
} as const;
