// Errors of the area "lua".
import { defineErrors } from './define.ts';

export const luaErrors = defineErrors({});
