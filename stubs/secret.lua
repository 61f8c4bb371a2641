---@meta

---Values that commands may use and nobody may see: tokens, passwords, keys. Only secrets that stand in
---`secrets` of the pipeline can be read. Whatever leaves the job is searched for every value that was read, in
---all the forms it is likely to have (as it is, base64, hexadecimal, URL-encoded, in JSON, XML and shell quotes,
---line by line), and shows `***` in its place.
---@class secret
secret = {}

---A value without text. Pass it on as it is: as a variable in `env`, as `stdin`, as a header, to `secret.file`.
---`tostring` and `..` give `***`; its length, its fields and its letters are not told.
---@class Secret

---The value of a secret. A secret that was not given to the job is an error; `secret.has` asks first.
---@param name string as in `secrets` of the pipeline
---@return Secret secret a value to pass on
function secret.get(name) end

---Whether a secret has a value here.
---@param name string as in `secrets` of the pipeline
---@return boolean has whether `secret.get` would return one
function secret.has(name) end

---Variables for `env`: of a list of secrets under their own names, or of a table of them by the name of the
---variable, as in `env = secret.env({ GH_TOKEN = "DEPLOY_TOKEN" })`.
---@param names string[]|table<string, string> names of secrets
---@return table<string, Secret> env a value for each variable
function secret.env(names) end

---Writes a secret to a file that only the user of the container can read (mode 0400). Without a path it is a new
---file in memory, which commands of the stage find in every container that they run in. With a path it is written
---to the innermost container; a file that is there already is not touched. It is gone when the stage ends.
---@param secret string its name, as in `secrets` of the pipeline
---@param path? string where; a path that is not absolute begins at /workspace
---@return string path the absolute path of the file in the container
function secret.file(secret, path) end

---The text of a secret, for what only the script itself can do with it. The log says that it was revealed and
---where; the text stays hidden in all that leaves the job.
---@param secret Secret a value of `secret.get`, or of a secret input
---@return string text the text
function secret.reveal(secret) end
