// Errors of the area "pipeline".
import { defineErrors } from './define.ts';

export const pipelineErrors = defineErrors({});
