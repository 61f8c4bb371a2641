// Errors of the area "server".
import { defineErrors } from './define.ts';

export const serverErrors = defineErrors({});
