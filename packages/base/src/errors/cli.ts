// Errors of the area "cli".
import { defineErrors } from './define.ts';

export const cliErrors = defineErrors({});
