---@meta

---Containers that commands run in. `/workspace` is mounted in all of them.
---@class container
container = {}

---@class ContainerOptions
---@field image string name of the image, such as `"docker.io/library/rust:1.90"`
---@field entrypoint? string[] program put before every command's shell; the image's own entrypoint is not run
---@field env? table<string, string|number|boolean> variables of every command in it; on top of the pipeline's `env`
---@field network? "none"|"default" `"none"` has no network at all
---@field memory? integer|string such as `"512MB"`
---@field cpus? number such as `0.5`
---@field pids? integer processes at the same time
---@field user? string name or number of the user, such as `"nobody"` or `"1000:1000"`
---@field pull? "missing"|"always"|"never" when to fetch the image; `"missing"` unless the installation says otherwise

---Opens a container, runs `fn` with it as the innermost of this branch, and removes it, also when `fn` raises
---an error. Commands that were spawned in it are stopped. Calls nest: the innermost one counts.
---@generic R
---@param options string|ContainerOptions an image, or options with one
---@param fn fun(): R
---@return R result what `fn` returned
function container.with(options, fn) end

---The image of the innermost container: where `process.run` would run now.
---@return string image
function container.current() end
