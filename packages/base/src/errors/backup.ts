// Errors of the area "backup": files that hold a whole database, and what they are restored to.
import { defineErrors } from './define.ts';

export const backupErrors = defineErrors({
  RIVET_BACKUP_EXISTS: {
    message: '{path} is there already',
    solve: 'Name a file that does not exist: a backup never replaces anything.',
    status: 409,
    exit: 2,
    fault: 'user',
  },
  RIVET_BACKUP_UNREADABLE: {
    message: '{path} cannot be used: {reason}',
    solve: 'Name a file that can be read, and a directory that can be written to.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_BACKUP_NOT_ONE: {
    message: '{path} is no backup of Rivet: {reason}',
    solve:
      'Name a file that `rivet backup` has written. A dump of pg_dump is restored by pg_restore.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_BACKUP_DAMAGED: {
    message: 'the backup {path} is damaged: {reason}',
    solve: 'Nothing of it was kept. Use another copy of the file, or an older backup.',
    status: 400,
    exit: 1,
    fault: 'operator',
  },
  RIVET_BACKUP_SCHEMA_NEWER: {
    message: 'the backup has the migration {migration}, which this version of Rivet does not know',
    solve: 'Restore it with the version that made it, or a newer one.',
    status: 400,
    exit: 2,
    fault: 'operator',
  },
  RIVET_RESTORE_NOT_EMPTY: {
    message: 'the database at {database} is not empty: {reason}',
    solve:
      'Restore into a new database (`createdb rivet2`) and point DATABASE_URL at it: a restore never replaces anything.',
    status: 409,
    exit: 2,
    fault: 'user',
  },
});
