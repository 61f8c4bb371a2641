---@meta

---Requests over HTTP and HTTPS. The runner makes them, not a container, and holds each against
---`policy.http` of the installation, the pipeline and the stage: the host before its name is looked up, the
---address it leads to, and every redirect. Addresses that are not public (loopback, private, link-local, cloud
---metadata) are refused unless the policy of the installation lists them. Proxies of the environment are not
---used. The log has one line for each request at level debug; queries, headers and bodies are not shown.
---@class http
http = {}

---@class HttpRetries
---@field max? integer tries after the first, up to 10; 0 when absent
---@field on? ("connect"|"broken"|"timeout"|integer)[] what is tried again: no connection, a connection that broke, a time limit, or a status. All of them with 429, 502, 503 and 504 when absent; only `"connect"`, 429 and 503 for POST and PATCH
---@field delay? number|string longest wait before the second try, 1 s when absent; it doubles with each try, and a random part of it is waited
---@field max_delay? number|string longest wait at all, 60 s when absent. A `Retry-After` of the server is followed exactly; when it asks for more than this, no try is made again

---@class HttpOptions
---@field headers? table<string, string|number|Secret> names in any case; a secret is not sent to another origin
---@field query? table<string, any> added to the URL; a list repeats its name
---@field bearer? string|Secret the header `Authorization: Bearer …`
---@field basic? (string|Secret)[] the header `Authorization: Basic …` of `{ user, password }`
---@field timeout? number|string of one try with its redirects and its body, such as `"90s"`; 60 s when absent
---@field connect_timeout? number|string for looking up the name and opening the connection; 10 s when absent
---@field retries? integer|HttpRetries tries after the first; none when absent
---@field redirects? integer how many are followed, 5 when absent; with 0 the redirect itself is the answer. Another origin gets no `Authorization`, no `Cookie` and no secret; from https to http none is followed
---@field max_bytes? integer|string of the body after it was decompressed; `"10MB"` when absent, which is also the most
---@field check? boolean whether a status of 400 and above raises an error; true when absent

---@class HttpBodyOptions
---@field body? string|Secret sent as it is
---@field json? any sent as JSON, with that `content-type`; secrets may be in it
---@field form? table<string, any> sent like a form of a page; a list repeats its name
---@field headers? table<string, string|number|Secret> as for `http.get`, like all the following
---@field query? table<string, any>
---@field bearer? string|Secret
---@field basic? (string|Secret)[]
---@field timeout? number|string
---@field connect_timeout? number|string
---@field retries? integer|HttpRetries
---@field redirects? integer a 303, and a 301 or 302 of a POST, go on as GET without a body
---@field max_bytes? integer|string
---@field check? boolean

---@class HttpRequestOptions
---@field method? string `"GET"` when absent
---@field url string|Secret
---@field body? string|Secret as for `http.post`, like all the following
---@field json? any
---@field form? table<string, any>
---@field headers? table<string, string|number|Secret>
---@field query? table<string, any>
---@field bearer? string|Secret
---@field basic? (string|Secret)[]
---@field timeout? number|string
---@field connect_timeout? number|string
---@field retries? integer|HttpRetries
---@field redirects? integer
---@field max_bytes? integer|string
---@field check? boolean

---What a server answered.
---@class HttpResponse
---@field status integer such as `200`
---@field ok boolean whether the status is 200 to 299
---@field headers table<string, string> names in lower case; several of one name are joined by `", "`, those of `set-cookie` by line ends
---@field body string decompressed
---@field json fun(): any the body read as JSON; raises an error when it is none
---@field url string where the answer came from after redirects; `***` when the URL was a secret
---@field duration_ms integer with all tries and waits

---Asks a URL. Raises an error when there is no answer, or one with a status of 400 and above.
---A URL that is itself secret, such as that of a chat hook, may be a secret value.
---@param url string|Secret
---@param options? HttpOptions
---@return HttpResponse response
function http.get(url, options) end

---Like `http.get`, for the headers alone.
---@param url string|Secret
---@param options? HttpOptions
---@return HttpResponse response
function http.head(url, options) end

---Sends a body to a URL. Raises errors like `http.get`.
---@param url string|Secret
---@param options? HttpBodyOptions
---@return HttpResponse response
function http.post(url, options) end

---Like `http.post`, with PUT.
---@param url string|Secret
---@param options? HttpBodyOptions
---@return HttpResponse response
function http.put(url, options) end

---Like `http.post`, with PATCH.
---@param url string|Secret
---@param options? HttpBodyOptions
---@return HttpResponse response
function http.patch(url, options) end

---Like `http.post`, with DELETE.
---@param url string|Secret
---@param options? HttpBodyOptions
---@return HttpResponse response
function http.delete(url, options) end

---A request with any method but CONNECT, TRACE and TRACK. Raises errors like `http.get`.
---@param options HttpRequestOptions
---@return HttpResponse response
function http.request(options) end

---@class HttpDownloadOptions
---@field sha256? string what the file must have; when it has another nothing is written
---@field max_bytes? integer|string `"10GB"` when absent
---@field mode? string permissions such as `"0755"`
---@field parents? boolean make the directories that are missing; false when absent
---@field overwrite? boolean replace a file that is there; true when absent
---@field headers? table<string, string|number|Secret> as for `http.get`, like all the following
---@field query? table<string, any>
---@field bearer? string|Secret
---@field basic? (string|Secret)[]
---@field timeout? number|string of one try; 30 min when absent. A server that is silent for a minute has broken the connection
---@field connect_timeout? number|string
---@field retries? integer|HttpRetries 2 when absent; a try goes on where the one before broke when the server says by `ETag` that the file is the same
---@field redirects? integer

---What was downloaded.
---@class HttpDownload
---@field status integer
---@field ok boolean
---@field headers table<string, string>
---@field url string
---@field duration_ms integer
---@field bytes integer size of the file
---@field sha256 string of the file, in lower case

---Downloads a URL into a file of the workspace. The file has its name only when it is complete: nobody sees a part
---of it, and nothing is left of a download that fails. It is stored as it is sent, without decompressing.
---@param url string|Secret
---@param path string relative to `/workspace`
---@param options? HttpDownloadOptions
---@return HttpDownload file
function http.download(url, path, options) end
