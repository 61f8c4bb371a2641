---@meta

---What is left of Lua's `os`. All times are UTC.
---@class os
os = {}

---@class DateTable
---@field year integer
---@field month integer 1 to 12
---@field day integer 1 to 31
---@field hour? integer 12 when absent
---@field min? integer
---@field sec? integer

---Seconds since 1970 of a date, or of now.
---@param date? DateTable
---@return integer
function os.time(date) end

---A time as text in the manner of strftime, or as a table for the format `"*t"`.
---@param format? string `"%c"` when absent
---@param time? number seconds since 1970; now when absent
---@return string|table
function os.date(format, time) end

---Seconds since the job started.
---@return number
function os.clock() end

---A variable of the pipeline's own `env`; nothing of the runner's environment can be seen.
---@param name string
---@return string|nil
function os.getenv(name) end
