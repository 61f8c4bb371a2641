---@meta

---Answers what a tested pipeline does outside of Lua. Mocks of a case go before mocks of the file; among those, the
---first that matches and is not used up answers. What no mock answers fails the case, with the line to add.
---@class mock
mock = {}

---Which commands are meant. A text: the words that the command, or a line of the script, begins with; `*` stands for
---any text in a word. A list: all its words. A function: it is given the command.
---@alias CommandMatcher string|CommandFields|fun(command: TestedCommand): boolean

---Which commands are meant: whatever is given must fit.
---@class CommandFields
---@field [integer] string all words of the command; `*` stands for any text in a word
---@field pattern? string a Lua pattern that its text matches
---@field stage? string the stage that runs it
---@field image? string the image of its container; `*` stands for any text
---@field cwd? string the directory it runs in; `*` stands for any text

---What a command does.
---@class CommandAnswer
---@field exit_code? integer 0 when absent
---@field stdout? string
---@field stderr? string
---@field duration? Duration time that passes until it ends
---@field hangs? boolean whether it runs until it is stopped
---@field missing? boolean whether there is no such program: exit code 127
---@field files? table<string, string> content by path of files that it leaves in the workspace

---What a request is answered with.
---@class RequestAnswer
---@field status? integer 200 when absent
---@field headers? table<string, string>
---@field body? string
---@field json? any a value that is sent as JSON
---@field fails? boolean|string whether there is no connection, or why

---Answers commands. Several answers are given one after the other, the last one again and again; without any, the
---command succeeds and says nothing.
---@param command CommandMatcher
---@param ... CommandAnswer|fun(command: TestedCommand): CommandAnswer
---@return Mock
function mock.process(command, ...) end

---Answers requests of the module `http`; the policy of the pipeline holds all the same.
---@param request string|fun(request: TestedRequest): boolean method and URL, such as `"GET https://example.com/*"`; `*` stands for any text
---@param ... RequestAnswer|fun(request: TestedRequest): RequestAnswer
---@return Mock
function mock.http(request, ...) end

---What becomes of an image.
---@class ImageAnswer
---@field stdout? string what the build prints
---@field fails? boolean|string whether it fails, or why

---Answers `container.build`, `container.push` and `container.pull`. Images of stages and of `container.with` are there
---without a mock.
---@param image string what is done and the name, such as `"build app:*"` or `"push registry.example.com/app:1.0"`; `*` stands for any text
---@param ... ImageAnswer|fun(image: TestedImage): ImageAnswer
---@return Mock
function mock.image(image, ...) end

---Answers every command that no mock of `mock.process` does.
---@param answer CommandAnswer|fun(command: TestedCommand): CommandAnswer
function mock.default(answer) end

---Gives a secret to the pipeline, which has to declare it.
---@param name string
---@param value string at least 4 bytes
---@return Secret secret equal to the variables and headers that hold it; prints as `***`
function mock.secret(name, value) end

---Puts a file into the workspace before the pipeline runs.
---@param path string below /workspace
---@param content string
function mock.file(path, content) end

---Says when runs begin; 2026-01-01T00:00:00Z otherwise.
---@param start string|number text such as `"2026-01-31T08:00:00Z"`, or seconds since 1970
function mock.time(start) end

---@class Mock
---@field calls (TestedCommand|TestedRequest|TestedImage)[] what it has answered
local a_mock = {}

---It answers once, and fails the case when it is not asked.
---@return Mock
function a_mock:once() end

---It answers so often, and fails the case when it is asked less often.
---@param count integer
---@return Mock
function a_mock:times(count) end

---It may be left unused without a note.
---@return Mock
function a_mock:optional() end
