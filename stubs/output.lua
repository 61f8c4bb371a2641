---@meta

---Typed values that later stages, the API and the job page see: strings, finite numbers, booleans,
---lists and tables of them. One may take 64 KB as JSON, all together 1 MB.
---@class output
output = {}

---Sets an output, in place of the value that it may have.
---Raises an error for a value that JSON cannot hold, or that is too large.
---@param name string 1 to 100 characters
---@param value string|number|boolean|table
function output.set(name, value) end

---The value of an output, or `default` when it is not set.
---@param name string
---@param default? any
---@return any value
function output.get(name, default) end

---The value of an output.
---Raises an error when it is not set.
---@param name string
---@return any value
function output.require(name) end

---Whether an output is set.
---@param name string
---@return boolean
function output.has(name) end

---All outputs by name.
---@return table<string, any>
function output.all() end

---The names of the outputs, in the order in which they were first set.
---@return string[]
function output.keys() end

---Takes an output away; nothing happens when it is not set.
---@param name string
function output.clear(name) end

---Takes all outputs away.
function output.clear_all() end
