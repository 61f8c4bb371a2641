// Errors of the area "job".
import { defineErrors } from './define.ts';

export const jobErrors = defineErrors({});
