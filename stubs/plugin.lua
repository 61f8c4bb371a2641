---@meta

---The plugin itself, as the files of a plugin see it; it is not there in a pipeline. See docs/guide/plugins.md.
---@class plugin
---@field name string
---@field version string
---@field image? string the first of `needs.images`
plugin = {}

---A copy of the options that a function was given, checked: an unknown name (with the nearest known one), a missing
---option or one of another kind is an error at the line of the pipeline that called.
---@param fn string the function as the pipeline knows it, such as `"greet.hello"`
---@param given table|nil what the pipeline gave
---@param schema table<string, string> kinds by name of the option, with `?` at the end where it may be left out: text, secret (or text), only_secret, integer, number, bool, list (of texts), table, duration, image (or false), any
---@return table options
function plugin.options(fn, given, schema) end

---Raises an error at the line of the pipeline that called into the plugin.
---@param message string
function plugin.fail(message) end

---Whether a value is a secret.
---@param value any
---@return boolean
function plugin.is_secret(value) end
