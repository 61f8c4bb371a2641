---@meta

---Files of the workspace, which is /workspace in every container. The runner itself reads and writes them, so no
---container is needed.
---
---Paths are relative to /workspace; one that begins with `/workspace/` means the same. What is outside cannot be
---reached: `..` and links are followed as far as they stay inside, whatever a command does to them meanwhile. Pipes,
---sockets and devices are neither read nor written. In a readonly stage everything that writes is refused.
---
---Something new may be read by the users of all containers, and be written by those who may write to its directory.
---What a container made with another user and closed permissions is out of reach for a runner without root: work on it
---with a command.
---@class fs
fs = {}

---@class FsReadOptions
---@field offset? integer bytes to skip; below zero it counts from the end
---@field length? integer|string at most so many bytes, such as `"64KB"`; the rest of the file when absent
---@field max? integer|string more bytes than this are an error; `"10MB"` when absent, and at most
---@field lines? boolean a list of the lines, without their ends, in place of one string

---The content of a file. What is larger than 10 MB can be read in parts, or worked on with a command.
---Raises an error when it does not exist, is no file, or has more than `max`.
---@param path string
---@param options? FsReadOptions
---@return string|string[]
function fs.read(path, options) end

---@class FsWriteOptions
---@field mode? string permissions such as `"0755"`; those of the file that is replaced when absent
---@field parents? boolean whether missing directories are made; false when absent
---@field overwrite? boolean whether a file that is there is replaced; true when absent

---Writes a file. Who reads it sees the old content or the new, never a part of it. What is larger than some 6 MB can
---be written in parts with `fs.append`.
---@param path string
---@param content string|Secret
---@param options? FsWriteOptions
function fs.write(path, content, options) end

---@class FsAppendOptions
---@field mode? string permissions such as `"0644"` of a file that is made
---@field parents? boolean whether missing directories are made; false when absent

---Adds to the end of a file, which is made when it does not exist.
---@param path string
---@param content string|Secret
---@param options? FsAppendOptions
function fs.append(path, content, options) end

---@alias FsType "file"|"directory"|"link"|"fifo"|"socket"|"device"

---@class FsExistsOptions
---@field type? FsType only if it is one of these

---Whether something is there. A link that leads to nothing is nothing.
---@param path string
---@param options? FsExistsOptions
---@return boolean
function fs.exists(path, options) end

---@class FsStatOptions
---@field follow? boolean whether a link is followed; true when absent

---@class FsStat
---@field path string relative to /workspace, links followed
---@field type FsType
---@field size integer bytes
---@field mtime number seconds since 1970 of the last change of its content
---@field mode string permissions such as `"0644"`
---@field uid integer the user it belongs to, as the runner sees it
---@field gid integer the group it belongs to, as the runner sees it
---@field target? string what a link says

---What is there; nil when nothing is.
---@param path string
---@param options? FsStatOptions
---@return FsStat|nil
function fs.stat(path, options) end

---@class FsListOptions
---@field recursive? boolean with what is in directories, each after its directory; links are not followed
---@field type? FsType only entries of this type

---@class FsEntry
---@field name string
---@field path string relative to /workspace
---@field type FsType
---@field size integer bytes
---@field mtime number seconds since 1970 of the last change of its content

---The entries of a directory, in the order of their names; at most 100,000.
---@param path? string /workspace itself when absent
---@param options? FsListOptions
---@return FsEntry[]
function fs.list(path, options) end

---@class FsGlobOptions
---@field cwd? string directory that the patterns start from; /workspace when absent
---@field exclude? string|string[] patterns of what is left out; of a directory with all that is in it
---@field type? "file"|"directory"|"any" what is looked for; `"file"` when absent
---@field hidden? boolean whether `*`, `?` and `**` match names that begin with a dot; false when absent
---@field required? boolean whether it is an error when nothing matches; false when absent

---Paths that match a pattern, relative to /workspace and sorted. `*` is any text, `?` one character, `[a-z]` one of
---these, `[!a-z]` none of these, `{a,b}` one of the alternatives, `**` any number of directories; `\` takes the meaning
---of the character after it away. Directories that are links are not entered.
---
---`fs.glob("src/**/*.{c,h}", { exclude = "**/generated" })`
---@param patterns string|string[]
---@param options? FsGlobOptions
---@return string[]
function fs.glob(patterns, options) end

---@class FsMkdirOptions
---@field parents? boolean whether missing directories before it are made; true when absent
---@field mode? string permissions such as `"0700"` of a directory that is made

---Makes a directory; one that is there already is fine.
---@param path string
---@param options? FsMkdirOptions
function fs.mkdir(path, options) end

---@class FsRemoveOptions
---@field recursive? boolean whether a directory is removed with all that is in it; false when absent

---Removes a file, an empty directory or a link (never what it leads to).
---@param path string
---@param options? FsRemoveOptions
---@return boolean removed false when nothing was there
function fs.remove(path, options) end

---@class FsCopyOptions
---@field overwrite? boolean whether files that are there are replaced; true when absent
---@field parents? boolean whether missing directories before the target are made; false when absent

---Copies a file, or a directory with all that is in it. `to` is the name of the copy: a directory that is there is
---filled, a file that is there is replaced. Permissions are kept; links in a directory stay links.
---@param from string
---@param to string
---@param options? FsCopyOptions
function fs.copy(from, to, options) end

---@class FsMoveOptions
---@field overwrite? boolean whether a file that is there is replaced; true when absent
---@field parents? boolean whether missing directories before the target are made; false when absent

---Gives a file, a directory or a link another name. A directory can only replace an empty one.
---@param from string
---@param to string
---@param options? FsMoveOptions
function fs.move(from, to, options) end

---The SHA-256 of a file of any size, as 64 hexadecimal digits.
---@param path string
---@return string
function fs.sha256(path) end
