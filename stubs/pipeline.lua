---@meta

---Defines the pipeline. The file returns what `pipeline.define` or a builder gives.
---@class pipeline
pipeline = {}

---@alias InputScalar string|number|boolean

---@class InputItemOptions
---@field type "string"|"number"|"bool"
---@field options? InputScalar[] the allowed values
---@field pattern? string Lua pattern that a string must match
---@field min? number
---@field max? number
---@field integer? boolean

---@class InputOptions
---@field type "string"|"number"|"bool"|"list"
---@field description? string
---@field required? boolean true unless there is a default
---@field default? InputScalar|InputScalar[]
---@field secret? boolean never shown
---@field options? InputScalar[]|fun(inputs: table<string, any>): InputScalar[] the allowed values, or a function that gives them from the values of the inputs before
---@field pattern? string Lua pattern that a string must match
---@field min? number
---@field max? number
---@field integer? boolean
---@field items? InputItemOptions what the items of a list are
---@field min_items? integer
---@field max_items? integer
---@field validate? fun(value: any): boolean, string? false and the reason when the value is refused

---@class RunnerTag
---@field key string
---@field value string `*` stands for any text: `"*"`, `"linux*"`

---@class RetryOptions
---@field max integer attempts after the first
---@field on? ("runner_lost"|"infrastructure"|"interrupted"|"timeout"|"stage_failed"|integer)[] numbers are exit codes of the command whose failure ended the job

---@class ConcurrencyOptions
---@field group string a name for all pipelines of the installation; `{name}` stands for the value of an input
---@field limit? integer how many of its jobs run at a time; 1 when absent
---@field weight? integer 1 to 1000: the group gives its places to pipelines by their weights, and not by the order of launches alone
---@field cancel_superseded? boolean|"waiting" older jobs of the group end when a newer one has no room: all, or only those that wait

---@class StageRetryOptions
---@field max integer runs after the first
---@field on? ("stage_failed"|"timeout"|"infrastructure")[] what it runs again for; all of them when absent. A broken rule of a policy, a limit of Lua and a wrong argument never are
---@field delay? number|string the pause before it runs again, such as `"10s"`

---@class ProcessPolicy
---@field allow? string[] the only programs that may run
---@field deny? string[] programs that may not run

---@class ContainerPolicy
---@field images? string[] the only images that may be used; `*` stands for any text
---@field deny_images? string[] images that may not be used; without a tag, every version is meant
---@field network? "none"|"default" `"none"`: containers have no network
---@field pull? "missing"|"always"|"never" the most that may be pulled
---@field verify? boolean images must pass the signature policy that the installation has

---@class HttpPolicy
---@field allow? string[] the only hosts that may be asked
---@field deny? string[] hosts that may not be asked
---@field rate? number requests in a second

---@class FsPolicy
---@field file_max? integer|string of one file, such as `"100MB"`
---@field workspace_max? integer|string of /workspace, such as `"10GB"`

---@class LimitsPolicy
---@field memory? integer|string of each container, such as `"2GB"`
---@field cpus? number of each container
---@field pids? integer processes of each container

---@class PolicyOptions
---@field process? ProcessPolicy
---@field container? ContainerPolicy
---@field http? HttpPolicy
---@field fs? FsPolicy
---@field limits? LimitsPolicy

---@class StageOptions
---@field name string
---@field script fun() what the stage does
---@field needs? string[] stages that must have ended; without it, the stages before it in the file
---@field container? string|ContainerOptions where its commands run
---@field condition? fun(): boolean whether it runs; commands cannot be run here
---@field timeout? Duration
---@field retry? StageRetryOptions
---@field allow_failure? boolean a failure is recorded, and the job goes on
---@field readonly? boolean /workspace cannot be written to
---@field always? boolean runs after a failure, a cancel and a timeout too
---@field policy? PolicyOptions narrows what the pipeline allows itself

---@class PluginRequest
---@field name string
---@field version? string `"1.4.0"`, `"1.x"`, `"1.4.x"` or `">=1.4"`; any when absent

---@class PipelineOptions
---@field name string unique; 1 to 100 of `A-Z a-z 0-9 . _ / -` and spaces
---@field description? string
---@field inputs? table<string, InputOptions>
---@field runner? RunnerTag[] tags that a runner must have
---@field plugins? (string|PluginRequest)[] plugins that it uses, such as `{ "git" }`
---@field secrets? string[]
---@field id_tokens? string[] audiences of `job.id_token`: whom its jobs may prove their identity to
---@field env? table<string, string> variables of every command
---@field timeout? Duration
---@field retry? RetryOptions
---@field concurrency? ConcurrencyOptions how many of its jobs run at a time
---@field priority? integer -1000 to 1000, 0 when absent: higher ones are given out first, where the launch does not say another
---@field weight? integer 1 to 1000, 1 when absent: how many of its jobs are given out where a pipeline of weight 1 that waits too gets one
---@field max_queue_age? Duration how long its jobs wait for a runner; then they end
---@field policy? PolicyOptions may only narrow what the installation allows
---@field stages StageOptions[]

---@class Pipeline

---Checks a definition and gives what the file returns. All mistakes are reported at once.
---@param options PipelineOptions
---@return Pipeline
function pipeline.define(options) end

---Begins a definition that is made step by step.
---@return PipelineBuilder
function pipeline.builder() end

---The options of an input as they are: helps editors where inputs are built apart from the definition.
---@param options InputOptions
---@return InputOptions
function pipeline.input(options) end

---The options of a stage as they are: helps editors where stages are built apart from the definition.
---@param options StageOptions
---@return StageOptions
function pipeline.stage(options) end

---A tag that a runner must have.
---@param key string
---@param value string `"*"` for any
---@return RunnerTag
function pipeline.tag(key, value) end

---Every method returns the builder, so that calls can be chained; `build` ends it.
---@class PipelineBuilder
local builder = {}

---@param name string
---@return PipelineBuilder
function builder:name(name) end

---@param text string
---@return PipelineBuilder
function builder:description(text) end

---@param name string
---@param options InputOptions
---@return PipelineBuilder
function builder:input(name, options) end

---@param tag RunnerTag
---@return PipelineBuilder
function builder:tag(tag) end

---@param plugin string|PluginRequest
---@return PipelineBuilder
function builder:plugin(plugin) end

---@param name string
---@return PipelineBuilder
function builder:secret(name) end

---@param audience string
---@return PipelineBuilder
function builder:id_token(audience) end

---@param name string
---@param value string
---@return PipelineBuilder
function builder:env(name, value) end

---@param duration Duration
---@return PipelineBuilder
function builder:timeout(duration) end

---@param options RetryOptions
---@return PipelineBuilder
function builder:retry(options) end

---@param options ConcurrencyOptions
---@return PipelineBuilder
function builder:concurrency(options) end

---@param priority integer
---@return PipelineBuilder
function builder:priority(priority) end

---@param weight integer
---@return PipelineBuilder
function builder:weight(weight) end

---@param duration Duration
---@return PipelineBuilder
function builder:max_queue_age(duration) end

---@param options PolicyOptions
---@return PipelineBuilder
function builder:policy(options) end

---@param options StageOptions
---@return PipelineBuilder
function builder:stage(options) end

---The same value as `pipeline.define` gives.
---@return Pipeline
function builder:build() end
