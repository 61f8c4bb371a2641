---@meta

---The clock. Durations are seconds, or text such as `"90s"`, `"5m"` and `"1h30m"`.
---@class time
time = {}

---@alias Duration number|string

---Seconds since 1970, with fractions.
---@return number
function time.now() end

---The time as ISO 8601 in UTC, such as `2026-01-31T12:00:00.000Z`.
---@return string
function time.iso() end

---Waits. A cancel or a timeout ends the wait with an error.
---@param duration Duration
function time.sleep(duration) end
