---@meta git

---Git repositories. Each function runs git in the image of the plugin; credentials come from secrets and are never
---on a command line, in a URL or in `.git/config`. No hooks are run. Paths and names cannot become options.
---@class git
local git = {}

---@class GitCredentials
---@field username? string `"x-access-token"` when absent, which GitHub takes with any token; GitLab wants `"oauth2"`
---@field password? Secret a password or token, for https
---@field ssh_key? Secret the private key, for ssh
---@field known_hosts? string the lines of `ssh-keyscan` for the host; required with `ssh_key`

---@class GitAuthor
---@field name string
---@field email string

---@class GitCloneOptions
---@field url string https://… or ssh (git@host:path); no name or password in it
---@field dir? string where to, relative to /workspace; /workspace itself when absent
---@field ref? string branch or tag; the default branch of the repository when absent
---@field commit? string all digits of a commit to check out, in place of `ref`
---@field depth? integer how many commits of the history; all when absent
---@field sparse? string[] only these directories are checked out
---@field submodules? boolean with all submodules, each with the same rules for its URL
---@field lfs? boolean with the files of Git LFS in place of their pointers
---@field credentials? GitCredentials used for the host of `url` alone
---@field protocols? string[] allowed in URLs, of https, ssh, http, git, file; `{ "https", "ssh" }` when absent
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitClone
---@field commit string that is checked out
---@field dir string

---Clones a repository.
---@param options GitCloneOptions
---@return GitClone
function git.clone(options) end

---@class GitFetchOptions
---@field remote? string `"origin"` when absent
---@field ref? string branch, or all digits of a commit; all branches when absent
---@field depth? integer how many commits of the history
---@field unshallow? boolean the whole history of a shallow clone
---@field tags? boolean with all tags
---@field credentials? GitCredentials used for the host of the remote alone
---@field protocols? string[] allowed in URLs; `{ "https", "ssh" }` when absent
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---Fetches from a remote; `origin/<ref>` is what came.
---@param options? GitFetchOptions
function git.fetch(options) end

---@class GitCheckoutOptions
---@field ref string branch, tag or commit
---@field create? boolean make the branch
---@field from? string where the new branch begins; HEAD when absent
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitCheckout
---@field commit string that is checked out

---Checks out a branch, tag or commit; the name alone may be given in place of the options.
---@param options GitCheckoutOptions|string
---@return GitCheckout
function git.checkout(options) end

---@class GitCommitOptions
---@field message string
---@field author GitAuthor author and committer
---@field paths? string[] what goes in, as paths and not patterns; everything that changed when absent
---@field allow_empty? boolean commit although nothing changed
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitCommit
---@field changed boolean false when there was nothing to commit
---@field commit string the new one, or the one that was there

---Commits what changed; makes no commit when nothing did.
---@param options GitCommitOptions
---@return GitCommit
function git.commit(options) end

---@class GitTagOptions
---@field name string
---@field message? string makes an annotated tag, which needs an author
---@field author? GitAuthor
---@field ref? string what is tagged; HEAD when absent
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---Makes a tag.
---@param options GitTagOptions
function git.tag(options) end

---@class GitPushOptions
---@field branch? string pushes HEAD to this branch
---@field tag? string pushes this tag, in place of a branch
---@field remote? string `"origin"` when absent
---@field force? boolean overwrite, unless somebody pushed since the last fetch
---@field credentials? GitCredentials used for the host of the remote alone
---@field protocols? string[] allowed in URLs; `{ "https", "ssh" }` when absent
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitPush
---@field commit string that was pushed

---Pushes HEAD to a branch, or a tag.
---@param options GitPushOptions
---@return GitPush
function git.push(options) end

---@class GitDescribeOptions
---@field match? string only tags of this pattern, such as `"v*"`
---@field long? boolean always with the number of commits since the tag
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---What `git describe` says: the nearest tag, commits since then, `-dirty` where files are changed.
---@param options? GitDescribeOptions
---@return string
function git.describe(options) end

---@class GitChangedFilesOptions
---@field base string branch, tag or commit to compare with
---@field head? string HEAD when absent
---@field paths? string[] only below these paths
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitChangedFile
---@field path string relative to the top of the clone
---@field status "added"|"modified"|"deleted"|"type changed"|"unmerged" a renamed file is one deleted and one added

---The files that changed since `head` left `base`; the base alone may be given in place of the options.
---@param options GitChangedFilesOptions|string
---@return GitChangedFile[]
function git.changed_files(options) end

---@class GitCurrentOptions
---@field dir? string the clone, relative to /workspace
---@field image? string|false image with git; false: the container that is open
---@field timeout? Duration of each git command

---@class GitCurrent
---@field commit string
---@field short string its first digits
---@field branch? string nil when no branch is checked out
---@field author GitAuthor
---@field time number seconds since 1970
---@field subject string first line of the message
---@field message string

---The commit that is checked out.
---@param options? GitCurrentOptions
---@return GitCurrent
function git.current(options) end

return git
