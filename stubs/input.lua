---@meta

---The values that the job was launched with. They keep their type: a `bool` input is a Lua boolean,
---a `list` input a table.
---@class input
input = {}

---@alias InputValue string|number|boolean|(string|number|boolean)[]

---The value of an input, or `default` when it has none. Asking for a name that the pipeline does not
---declare, without a default, logs a warning that names the nearest one.
---@param name string
---@param default? any
---@return any value
function input.get(name, default) end

---The value of an input.
---Raises an error when the input has no value.
---@param name string
---@return any value
function input.require(name) end

---Whether an input has a value.
---@param name string
---@return boolean
function input.has(name) end

---All inputs that have a value, by name.
---@return table<string, InputValue>
function input.all() end

---The names of the inputs that have a value, in the order of the file.
---@return string[]
function input.keys() end
