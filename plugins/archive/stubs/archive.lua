---@meta archive

---Archives: tar, tar.gz, tar.zst and zip. The image needs Python, and for tar.zst Python 3.14 or the program zstd.
---Nothing in an archive is believed: an entry that would leave the target (`..`, absolute paths, links that lead
---out, also by way of other links), a device, a named pipe, an entry that is there twice, a name with control
---characters, and archives that grow beyond their limits are refused with an error, and the target stays as it was.
---@class archive
local archive = {}

---@class ArchiveCreateOptions
---@field file string the archive to write, relative to /workspace; replaced when it is there
---@field paths? string[] what goes in, relative to `from`; everything in it when absent
---@field from? string directory that names in the archive begin at; /workspace when absent
---@field exclude? string[] patterns such as `"*.o"` of names and paths that stay out
---@field format? "tar"|"tar.gz"|"tar.zst"|"zip" by the ending of `file` when absent
---@field level? integer of compression: 1 to 9, for tar.zst to 19
---@field mtime? number time of every entry in seconds since 1970, so that the same files give the same bytes
---@field image? string|false image with python3; false: the container that is open
---@field timeout? Duration 30 minutes when absent

---@class ArchiveCreated
---@field entries integer
---@field bytes integer of the files that went in
---@field size integer of the archive

---Makes an archive. Owners are not kept; entries are in the order of their names.
---@param options ArchiveCreateOptions
---@return ArchiveCreated
function archive.create(options) end

---@class ArchiveListOptions
---@field file string the archive, relative to /workspace
---@field format? "tar"|"tar.gz"|"tar.zst"|"zip" what the file begins with says when absent
---@field size_max? integer|string bytes of all files together; 10 GB when absent
---@field entries_max? integer 100,000 when absent
---@field ratio_max? integer how many times it may grow when unpacked; 1000 when absent
---@field image? string|false image with python3; false: the container that is open
---@field timeout? Duration 30 minutes when absent

---@class ArchiveEntry
---@field path string
---@field type "file"|"directory"|"symlink"|"hardlink"
---@field size integer
---@field target? string of a link

---The entries of an archive; the file alone may be given in place of the options.
---@param options ArchiveListOptions|string
---@return ArchiveEntry[]
function archive.list(options) end

---@class ArchiveExtractOptions
---@field file string the archive, relative to /workspace
---@field into string directory to extract to, relative to /workspace; it is made when it is not there
---@field format? "tar"|"tar.gz"|"tar.zst"|"zip" what the file begins with says when absent
---@field size_max? integer|string bytes of all files together; 10 GB when absent
---@field entries_max? integer 100,000 when absent
---@field ratio_max? integer how many times it may grow when unpacked; 1000 when absent
---@field image? string|false image with python3; false: the container that is open
---@field timeout? Duration 30 minutes when absent

---@class ArchiveExtracted
---@field files integer
---@field directories integer
---@field links integer
---@field bytes integer
---@field top string[] the names in `into` that are new

---Extracts an archive, all of it or nothing. What is in `into` already is never overwritten; set-id bits and owners
---are dropped.
---@param options ArchiveExtractOptions
---@return ArchiveExtracted
function archive.extract(options) end

return archive
