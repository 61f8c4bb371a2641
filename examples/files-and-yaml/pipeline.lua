-- Files of the workspace and YAML without a container: a configuration is read, changed and written,
-- and a readonly stage checks the result.
local VALUES = [[
image: &image
  repository: registry.example.com/shop
  tag: latest
replicas: 2
enabled: yes
sidecar: *image
]]

return pipeline.define({
  name = "files-and-yaml",
  policy = { fs = { file_max = "1MB", workspace_max = "100MB" } },
  stages = {
    {
      name = "render",
      script = function()
        fs.write("deploy/values.yaml", VALUES, { parents = true })
        local values = yaml.decode(fs.read("deploy/values.yaml"))
        assert(values.enabled == "yes", "YAML 1.2: yes is text")
        assert(values.sidecar.tag == "latest", "an alias is what it stands for")

        values.image.tag = "1.4.2"
        values.replicas = values.replicas + 1
        values.sidecar = json.null
        fs.write("deploy/values.yaml", yaml.encode(values))

        for _, name in ipairs({ "shop", "worker" }) do
          fs.write("deploy/services/" .. name .. ".txt", name .. "\n", { parents = true })
        end
        -- Commands in containers see the same files.
        process.run({ "cp", "-r", "deploy", "release", check = true })
        fs.move("release/services/worker.txt", "release/worker.txt")
        fs.append("release/worker.txt", "moved\n")
      end,
    },
    {
      name = "check",
      readonly = true,
      condition = function() return fs.exists("release/values.yaml", { type = "file" }) end,
      script = function()
        output.set("files", fs.glob("release/**"))
        output.set("values", yaml.decode(fs.read("release/values.yaml")).image)
        output.set("same", fs.sha256("deploy/values.yaml") == fs.sha256("release/values.yaml"))
        output.set("lines", fs.read("release/worker.txt", { lines = true }))

        local ok, message = pcall(fs.write, "release/new", "x")
        assert(not ok and message:find('the stage "check" is readonly', 1, true), message)
        ok, message = pcall(fs.read, "../../etc/passwd")
        assert(not ok and message:find("leaves /workspace", 1, true), message)
      end,
    },
  },
})
