---@meta

---YAML 1.2 with its core schema: `yes`, `on` and `12:30` are text, only `true` and `false` are bools. An empty table
---is an empty list. Whole numbers are exact up to 2^53, keys are text. `null` is `json.null`.
---@class yaml
yaml = {}

---@class YamlEncodeOptions
---@field pretty? boolean in block style, on several lines; true when absent; false gives one line

---YAML of a value. Text that an older program would take for something else is quoted.
---Raises an error with the path of what YAML cannot express: functions, secrets, bytes.
---@param value any
---@param options? YamlEncodeOptions
---@return string
function yaml.encode(value, options) end

---The value of YAML text of up to 1 MB; `json.null` when it has none. Anchors and aliases are followed, up to 500,000
---values in all. Keys that are numbers or bools become text. Tags other than those of the core schema, keys that are
---there twice and texts with several documents are errors.
---Raises an error with line and column when the text is no such YAML.
---@param text string
---@return any
function yaml.decode(text) end

---The values of all documents of a text, in their order.
---Raises an error like `yaml.decode`.
---@param text string
---@return any[]
function yaml.decode_all(text) end
