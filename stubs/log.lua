---@meta

---Lines for the log of the job. Fields are written behind the message as `key=value`.
---@class log
log = {}

---Writes a line that is hidden unless somebody asks for details.
---@param message any text, or any value: it is shown as `tostring` does
---@param fields? table<string, any> facts that belong to the message
function log.debug(message, fields) end

---Writes a line. `print(...)` does the same, with tabs between its values.
---@param message any text, or any value: it is shown as `tostring` does
---@param fields? table<string, any> facts that belong to the message
function log.info(message, fields) end

---Writes a line that deserves attention.
---@param message any text, or any value: it is shown as `tostring` does
---@param fields? table<string, any> facts that belong to the message
function log.warning(message, fields) end

---Writes a line that says what went wrong. It does not end anything: raise an error for that.
---@param message any text, or any value: it is shown as `tostring` does
---@param fields? table<string, any> facts that belong to the message
function log.error(message, fields) end

---Puts every line that `fn` causes, output of commands included, into a collapsible section.
---Sections nest. The section ends with `fn`, also when that raises an error.
---@generic R
---@param name string title of the section
---@param fn fun(): R
---@return R result what `fn` returned
function log.group(name, fn) end

---Hides a text from now on, in all the forms in which secrets are hidden: for what a command has told and
---nobody should see. What was logged before stays. Less than 4 bytes are refused: they are in too much other text.
---@param value string|number|Secret what to hide
function log.mask(value) end

---Writes its values, separated by tabs, as a line of level info.
---@param ... any
function print(...) end
