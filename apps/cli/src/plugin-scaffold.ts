// The files of a first plugin: small, and everything that a plugin consists of.

/** Text by path below the plugin's folder. */
export function pluginScaffold(name: string): Readonly<Record<string, string>> {
  const variable = name.replaceAll('-', '_');
  return {
    'plugin.lua': pluginText(name),
    [`stubs/${name}.lua`]: stubText(name, variable),
    [`tests/${variable}_test.lua`]: testText(name),
    'tests/pipelines/hello.lua': pipelineText(name, variable),
    'README.md': readmeText(name, variable),
  };
}

const pluginText = (
  name: string,
): string => `-- The plugin ${name}: what it needs, and its functions.
local function hello(options)
  options = plugin.options("${name}.hello", options, {
    name = "text",
    image = "image?",
  })
  local function greet()
    return process.run({ "echo", "Hello, " .. options.name .. "!", check = true, capture_stdout = true })
  end
  -- Without an image it runs in the container that is open where it is called.
  local result = options.image and container.with(options.image, greet) or greet()
  return (result.stdout:gsub("\\n$", ""))
end

return {
  name = "${name}",
  version = "0.1.0",
  description = "Greets somebody",
  needs = {
    -- The core modules that the plugin may use; a module that is not here is not there.
    modules = { "process", "container" },
    -- The images that it runs in by default, and the secrets that it reads by name.
    images = {},
    secrets = {},
  },
  functions = { hello = hello },
}
`;

const stubText = (name: string, variable: string): string => `---@meta ${name}

---Greets somebody.
---@class ${variable}
local ${variable} = {}

---@class ${pascal(name)}HelloOptions
---@field name string whom to greet
---@field image? string image to run in; the container that is open when absent

---Says hello, and returns what was said.
---@param options ${pascal(name)}HelloOptions
---@return string text
function ${variable}.hello(options) end

return ${variable}
`;

const testText = (
  name: string,
): string => `-- No command is started here: mock.process answers them.
test.case("greets who is named", function()
  mock.process("echo", { stdout = "Hello, Ada!\\n" }):once()
  local run = test.pipeline("pipelines/hello.lua"):run()
  expect(run):was("succeeded")
  expect(run.commands):contains("echo 'Hello, Ada!'")
  expect(run.outputs.text):equals("Hello, Ada!")
end)

test.case("fails when the command does", function()
  mock.process("echo", { exit_code = 1 })
  local run = test.pipeline("pipelines/hello.lua"):run()
  expect(run):was("failed")
  expect(run.stages.greet):was("failed", "${name === 'echo' ? 'exit' : 'echo'}")
end)
`;

const pipelineText = (name: string, variable: string): string => `-- A pipeline that the tests run.
local ${variable} = require("${name}")

return pipeline.define({
  name = "hello",
  plugins = { "${name}" },
  stages = {
    { name = "greet", script = function() output.set("text", ${variable}.hello({ name = "Ada" })) end },
  },
})
`;

const readmeText = (name: string, variable: string): string => `# ${name}

A plugin for Rivet pipelines.

\`\`\`lua
local ${variable} = require("${name}")

return pipeline.define({
  name = "greetings",
  plugins = { "${name}" },
  stages = {
    { name = "greet", script = function() log.info(${variable}.hello({ name = "world" })) end },
  },
})
\`\`\`

Test it with \`rivet plugin test\`.
`;

function pascal(name: string): string {
  return name.replaceAll(/(?:^|[-_])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
