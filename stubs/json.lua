---@meta

---JSON. An empty table is an empty list. Whole numbers are exact up to 2^53.
---@class json
---@field null function stands for `null`: compare with `==`, put it where `null` is wanted
json = {}

---@class JsonEncodeOptions
---@field pretty? boolean on several lines, indented by two spaces

---JSON of a value. Keys come in the order in which they were set.
---Raises an error with the path of what JSON cannot express: functions, infinities, bytes.
---@param value any
---@param options? JsonEncodeOptions
---@return string
function json.encode(value, options) end

---The value of JSON. `null` becomes `json.null`.
---Raises an error with line and column when the text is no JSON, or has a whole number above 2^53.
---@param text string
---@return any
function json.decode(text) end
