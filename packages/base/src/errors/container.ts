// Errors of the area "container".
import { defineErrors } from './define.ts';

export const containerErrors = defineErrors({});
