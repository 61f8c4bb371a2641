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

---An image of this job: what `pull`, `build` and `push` return.
---@class Image
---@field image string its name; the id when it has none
---@field id string 64 hexadecimal digits
---@field digest? string `sha256:…` of what the registry has, where that is known

---@class RegistryCredentials
---@field username string|Secret
---@field password string|Secret

---@class ContainerPullOptions
---@field image string
---@field pull? "missing"|"always"|"never" `"always"` when absent, unless the policy says otherwise
---@field credentials? RegistryCredentials of its registry

---Fetches an image. One that several stages fetch at once is fetched once; a registry that is busy is asked again.
---`container.with` and stages fetch what they need by themselves.
---@param options string|ContainerPullOptions an image, or options with one
---@return Image image
function container.pull(options) end

---@class ContainerBuildOptions
---@field context? string directory of /workspace that COPY and ADD see; /workspace itself when absent
---@field containerfile? string in the context; `Containerfile` when absent
---@field tag? string name of the image in this job, and where `push` sends it
---@field build_args? table<string, string|number|boolean|Secret> values of ARG; a secret is refused, as it would be stored in the image
---@field secrets? table<string, string|number|boolean|Secret> for `RUN --mount=type=secret,id=NAME`
---@field target? string stage of the Containerfile to end with
---@field no_cache? boolean uses no step of an earlier build; without a cache in the installation's policy none is ever used
---@field push? boolean sends the image to the registry in `tag`
---@field labels? table<string, string|number|boolean> of the image
---@field credentials? RegistryCredentials of the registry of `tag`, and of base images

---Builds an image. The image belongs to the job: its tag means it in this job only, and it is gone with the job
---unless it was pushed. Base images obey the policy, as images of containers do.
---@param options ContainerBuildOptions
---@return Image image
function container.build(options) end

---Gives an image of this job another name in this job.
---@param image string name or id of what this job built or fetched
---@param name string
function container.tag(image, name) end

---@class ContainerPushOptions
---@field to? string name to push it under; its own when absent
---@field credentials? RegistryCredentials

---Sends an image of this job to a registry.
---@param image string name or id of what this job built or fetched
---@param options? ContainerPushOptions
---@return Image image with the digest that the registry has it under
function container.push(image, options) end

---The image of the innermost container: where `process.run` would run now.
---@return string image
function container.current() end
