---@meta

---Commands in the innermost container of the calling branch; with none open, in the job's default container.
---No shell sees the arguments of `run` and `spawn`. Every command has the pipeline's `env`, `CI=true`,
---`RIVET_JOB_ID`, `RIVET_ATTEMPT`, `RIVET_PIPELINE` and `RIVET_STAGE`.
---@class process
process = {}

---@alias LogLevel "debug"|"info"|"warning"|"error"

---Such a command runs in a container of its own that has the files and the network of the innermost one; what
---it takes counts for itself. A limit of the container that is stricter stays.
---@class ProcessLimits
---@field memory? integer|string such as `"512MB"`, at least 6 MB
---@field cpus? number such as `0.5`
---@field pids? integer processes at the same time

---@class ProcessSpawnOptions
---@field [integer] string the command as a list: `{ "make", "serve" }`
---@field cmd? string the program, in place of the list
---@field args? string[] its arguments
---@field env? table<string, string|number|boolean|Secret> more variables; names beginning with RIVET_ are Rivet's
---@field cwd? string directory, relative to /workspace; it may not leave it
---@field stdin? string|Secret standard input; empty when absent
---@field stdout_level? LogLevel level of its output in the log; `"info"` when absent
---@field stderr_level? LogLevel level of its errors in the log; `"error"` when absent
---@field limits? ProcessLimits of this command alone
---@field readonly? boolean it can only read /workspace

---@class ProcessShOptions
---@field env? table<string, string|number|boolean|Secret> more variables; names beginning with RIVET_ are Rivet's
---@field cwd? string directory, relative to /workspace; it may not leave it
---@field stdin? string|Secret standard input; empty when absent
---@field stdout_level? LogLevel level of its output in the log; `"info"` when absent
---@field stderr_level? LogLevel level of its errors in the log; `"error"` when absent
---@field limits? ProcessLimits of this command alone
---@field readonly? boolean it can only read /workspace
---@field timeout? Duration then TERM for the whole process group, and KILL after a grace
---@field check? boolean whether a non-zero exit code raises an error; `run`: false, `sh`: true when absent
---@field capture_stdout? boolean|"both" into the result in place of the log, or both; at most 10 MB
---@field capture_stderr? boolean|"both" into the result in place of the log, or both; at most 10 MB

---@class ProcessRunOptions
---@field [integer] string the command as a list: `{ "make", "test" }`
---@field cmd? string the program, in place of the list
---@field args? string[] its arguments
---@field env? table<string, string|number|boolean|Secret> more variables; names beginning with RIVET_ are Rivet's
---@field cwd? string directory, relative to /workspace; it may not leave it
---@field stdin? string|Secret standard input; empty when absent
---@field stdout_level? LogLevel level of its output in the log; `"info"` when absent
---@field stderr_level? LogLevel level of its errors in the log; `"error"` when absent
---@field limits? ProcessLimits of this command alone
---@field readonly? boolean it can only read /workspace
---@field timeout? Duration then TERM for the whole process group, and KILL after a grace
---@field check? boolean whether a non-zero exit code raises an error; `run`: false, `sh`: true when absent
---@field capture_stdout? boolean|"both" into the result in place of the log, or both; at most 10 MB
---@field capture_stderr? boolean|"both" into the result in place of the log, or both; at most 10 MB

---@class ProcessResult
---@field exit_code integer 124 after the timeout, 127 not found, 126 not executable, 128+n ended by signal n
---@field stdout? string when it was captured
---@field stderr? string when it was captured
---@field duration_ms integer
---@field timed_out boolean
---@field signal? string name of the signal that ended it, such as `"SIGKILL"`

---Runs a command to its end. The short form is a list: `process.run({ "cargo", "build" })`; options may stand
---beside it: `process.run({ "cargo", "build", check = true })`.
---
---A non-zero exit code raises an error only with `check = true`. One that nobody looks at is logged as a warning
---when the stage ends.
---@param options ProcessRunOptions
---@return ProcessResult
function process.run(options) end

---Runs a script with `sh -eu`. A non-zero exit code raises an error with the last lines of its errors.
---@param script string
---@param options? ProcessShOptions
---@return ProcessResult
function process.sh(script, options) end

---A command that runs beside the script. Its methods are called with a colon: `server:stop()`.
---@class ProcessHandle
---@field pid? integer process id in its container
local handle = {}

---Whether it still runs.
---@return boolean
function handle:running() end

---Waits for its end.
---@param timeout? Duration
---@return ProcessResult|nil result nil when it still runs after the timeout
function handle:wait(timeout) end

---Sends a signal to its whole process group.
---@param name string such as `"TERM"`, `"INT"` or `"HUP"`
function handle:signal(name) end

---Ends it: TERM, and KILL after the grace.
---@param grace? Duration
---@return ProcessResult
function handle:stop(grace) end

---The last lines of its output and errors.
---@param count? integer at most 1000; 100 when absent
---@return string[]
function handle:logs(count) end

---Starts a command and goes on. Its output goes to the log as it comes. It is stopped when its container
---closes, at the latest when the stage ends.
---@param options ProcessSpawnOptions
---@return ProcessHandle
function process.spawn(options) end

---@class ProcessParallelOptions
---@field max? integer items at the same time; 16 when absent
---@field fail_fast? boolean whether a failure stops the other items; true when absent

---Calls `fn` for each item, at the same time, and returns the results in the order of the items. Each call has a
---log section named for its item, and starts with the containers that are open around it.
---An error names the item.
---@generic T, R
---@param items T[]
---@param fn fun(item: T, index: integer): R
---@param options? ProcessParallelOptions
---@return R[]
function process.parallel(items, fn, options) end
