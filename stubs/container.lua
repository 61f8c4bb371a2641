---@meta

---Containers that commands run in. `/workspace` is mounted in all of them.
---@class container
container = {}

---A directory of the machine that the installation offers (`source`), or an empty one in memory.
---@class ContainerMount
---@field target string absolute path in the container; /workspace is mounted already
---@field source? string exactly one of the `container.mounts` of the installation's policy
---@field readonly? boolean of a directory of the machine
---@field size? integer|string of one in memory, such as `"64MB"`; it counts as memory of the container

---@class ContainerOptions
---@field image string name of the image, such as `"docker.io/library/rust:1.90"`
---@field entrypoint? string[] program put before every command's shell; the image's own entrypoint is not run
---@field env? table<string, string|number|boolean|Secret> variables of every command in it; on top of the pipeline's `env`
---@field network? "none"|"default" `"none"` has no network at all
---@field memory? integer|string such as `"512MB"`
---@field cpus? number such as `0.5`
---@field pids? integer processes at the same time
---@field user? string name or number of the user, such as `"nobody"` or `"1000:1000"`
---@field pull? "missing"|"always"|"never" when to fetch the image; `"missing"` unless the installation says otherwise
---@field mounts? ContainerMount[]
---@field privileged? boolean only where the installation's policy allows it

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
