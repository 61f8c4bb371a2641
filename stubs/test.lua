---@meta

---Tests of pipelines, in files that `rivet test` runs: something_test.lua, or tests/something.lua. They see
---`test`, `mock` and `expect` besides Lua itself, and may `require` files below their folder. The pipeline runs
---as it does on a runner, but its commands and requests are answered by mocks, and no time passes.
---@class test
test = {}

---A pipeline to run.
---@param path string of its file, as seen from the folder of the test file
---@return TestedPipeline
function test.pipeline(path) end

---A case: it passes unless an expectation fails, an error is raised, or the pipeline does what no mock answers.
---Each case runs in a program of its own: nothing is left of the case before.
---@param name string a sentence that says what holds
---@param fn fun()
function test.case(name, fn) end

---A case that is not run for now, and shown as skipped.
---@param name string
---@param fn fun()
function test.skip(name, fn) end

---@class TestedPipeline
local tested_pipeline = {}

---@class TestRunOptions
---@field inputs? table<string, any> values of inputs, checked like those of a launch; others have their defaults
---@field stage? string run only this stage and what it needs
---@field source? "none"|"tree"|"git" what `job.source` says; `"tree"` when absent
---@field launched_by? string what `job.launched_by` says
---@field event? "manual"|"api" what `job.event` says; `manual` when absent
---@field cancel_after? Duration the job is canceled when it has run for so long

---Runs the pipeline to its end. A failing job is no error: look at `run.state`, or `expect(run):was("succeeded")`.
---Raises an error for wrong inputs, and when a command or request was answered by no mock.
---@param options? TestRunOptions
---@return TestRun
function tested_pipeline:run(options) end

---A run that has ended.
---@class TestRun
---@field id integer counts the runs of the case
---@field state "succeeded"|"failed"|"canceled"
---@field reason? string why it failed, such as `"stage_failed"`, `"timeout"` or `"policy"`
---@field message? string what failed, with file and line
---@field code? string code of the error, such as `"RIVET_PROCESS_FAILED"`
---@field duration number seconds that would have passed
---@field ran string[] the stages that ran, in the order in which they began
---@field stages table<string, TestedStage> every stage by name; another name is an error
---@field commands string[] the commands as a person would type them, in the order of their starts
---@field requests TestedRequest[] the requests of the module `http`, redirects and tries again among them
---@field images TestedImage[] what was done by `container.build`, `push` and `pull`
---@field summary? string the Markdown of `job.summary`
---@field outputs table<string, any> the outputs at the end
---@field log TestLog
local test_run = {}

---A command that ran. When none did, the error lists those that ran.
---@param command CommandMatcher which one
---@param number? integer which of several; the first when absent
---@return TestedCommand
function test_run:command(command, number) end

---The content of a file of the workspace when the run had ended.
---@param path string below /workspace
---@return string|nil content nil when there is no such file
function test_run:file(path) end

---@class TestedStage
---@field name string
---@field state "succeeded"|"failed"|"skipped"|"canceled"
---@field reason? string why it was skipped or failed
---@field code? string code of the error that it failed with
---@field ran boolean
---@field runs integer how often it ran: more than once with `retry`
---@field duration number seconds that would have passed
---@field unchecked_exits integer commands whose non-zero exit code nobody looked at
---@field commands string[] like `commands` of the run
---@field log TestLog

---@class TestedCommand
---@field stage string
---@field line string as a person would type it
---@field text string all of it: the words with blanks between, or the script
---@field program string
---@field args string[]
---@field argv string[] the program and its arguments
---@field script? string of `process.sh`
---@field env table<string, string|Secret> all variables it had; one whose value is a secret holds what `mock.secret` returned
---@field cwd string absolute, in the container
---@field stdin? string
---@field image string of the container
---@field exit_code? integer that the mock gave
---@field file? string where the pipeline ran it
---@field source_line? integer

---@class TestedRequest
---@field stage string
---@field line string method and URL
---@field method string
---@field url string
---@field headers table<string, string|Secret> names in small letters; a secret is what `mock.secret` returned
---@field body? string
---@field status? integer that the mock gave
---@field file? string where the pipeline made it
---@field source_line? integer

---@class TestedImage
---@field action "build"|"push"|"pull"
---@field image string its name
---@field line string both, such as `"build app:1.0"`
---@field stage string
---@field containerfile? string of a build
---@field target? string of a build
---@field build_args? table<string, string> of a build
---@field file? string where the pipeline did it
---@field source_line? integer

---The log of a run or of a stage, without times and levels.
---@class TestLog
local test_log = {}

---@return string text each line with its line end
function test_log:text() end

---@return string[]
function test_log:lines() end

---@param text string
---@return boolean
function test_log:contains(text) end

---Says what a value is to be; the methods fail the case otherwise, and show the difference.
---@param value any what is looked at
---@param label? string what it is called in messages
---@return Expectation
function expect(value, label) end

---@class Expectation
local expectation = {}

---Equal: tables by their content, texts and logs by their lines.
---@param expected any
function expectation:equals(expected) end

---@param from any
function expectation:differs(from) end

---A text has this part, a list this item, a table these fields; of commands, one begins with these words.
---@param part any
function expectation:contains(part) end

---@param part any
function expectation:lacks(part) end

---@param pattern string a Lua pattern
function expectation:matches(pattern) end

function expectation:is_true() end

function expectation:is_false() end

function expectation:is_nil() end

---Anything but nil.
function expectation:is_set() end

---A variable or header is the secret of this name.
---@param name string
function expectation:is_secret(name) end

---@param count integer items of a list, or bytes of a text
function expectation:has_length(count) end

---How a run or a stage ended.
---@param state "succeeded"|"failed"|"skipped"|"canceled"
---@param reason? string a part of its message or reason
function expectation:was(state, reason) end

---A function raises an error.
---@param part? string a part of its message
function expectation:raises(part) end

---How often a mock answered.
---@param count? integer 1 when absent
function expectation:was_called(count) end
