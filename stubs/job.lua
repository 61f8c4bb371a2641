---@meta

---Facts about the running job, which can only be read, and what it tells about itself.
---@class job
---@field id string id of the job
---@field attempt integer counts the attempts at the job, from 1
---@field pipeline string name of the pipeline
---@field version integer version of the pipeline
---@field launched_by string who launched the job
---@field url string|nil page of the job; nil in `rivet run`
---@field started_at string when this attempt began: ISO 8601, UTC
---@field source "none"|"tree"|"git" how /workspace began: empty, as a copy of a directory, or as a checkout
job = {}

---Adds Markdown to the summary of the job, which stands on its page and at the end of `rivet run`: what was built,
---what was found. Each call adds to what is there; 1 MB in all.
---@param markdown string the text
function job.summary(markdown) end
