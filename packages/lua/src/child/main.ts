// The entry of a Lua process that starts from its sources.
import { serve } from './serve.ts';

serve();
