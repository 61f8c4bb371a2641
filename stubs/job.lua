---@meta

---Facts about the running job, which can only be read, and what it tells about itself.
---@class job
---@field id string id of the job
---@field attempt integer counts the attempts at the job, from 1
---@field pipeline string name of the pipeline
---@field version integer version of the pipeline
---@field launched_by string who launched the job
---@field event "manual"|"api" what launched it: a person, or a program with an API key; a retry is never more than the job before
---@field url string|nil page of the job; nil in `rivet run`
---@field started_at string when this attempt began: ISO 8601, UTC
---@field source "none"|"tree"|"git" how /workspace began: empty, as a copy of a directory, or as a checkout
job = {}

---Adds Markdown to the summary of the job, which stands on its page and at the end of `rivet run`: what was built,
---what was found. Each call adds to what is there; 1 MB in all.
---@param markdown string the text
function job.summary(markdown) end

---A token that proves to somebody else which job this is, so that a cloud can trust a job and no secret is stored: a
---JWT of OpenID Connect, signed by the installation, with the pipeline, its version, the job, the event and the branch
---among its claims. It ends after 10 minutes; asked for again, the same one is given while at least half of its life is
---left. `id_tokens` of the pipeline must name the audience. Only jobs of a server have one: with `rivet run` this is an error.
---@param audience string whom it is for, as the receiver wants it: `"sts.amazonaws.com"`
---@return Secret token a value to pass on, like those of `secret.get`
function job.id_token(audience) end
