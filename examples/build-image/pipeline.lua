-- An image that is built from /workspace, used by a later stage, and gone with the job.
local BASE = "localhost/rivet/base:latest"

return pipeline.define({
  name = "build-image",
  policy = { container = { network = "none" }, limits = { memory = "512MB", pids = 100 } },
  stages = {
    {
      name = "build",
      container = BASE,
      script = function()
        fs.write("app/hello.sh", "#!/bin/sh\necho \"hello from $(cat /version)\"\n", { mode = "755", parents = true })
        fs.write("app/Containerfile", table.concat({
          "ARG BASE",
          "FROM $BASE",
          "ARG VERSION=none",
          "COPY hello.sh /usr/bin/hello",
          "RUN echo \"$VERSION\" > /version",
        }, "\n"))
        local image = container.build({
          context = "app",
          tag = "hello:1",
          build_args = { BASE = BASE, VERSION = "1.4" },
        })
        assert(image.image == "hello:1" and #image.id == 64)
      end,
    },
    {
      name = "use",
      container = "hello:1",
      script = function()
        local said = process.run({ "hello", check = true, capture_stdout = "both" })
        output.set("said", said.stdout)
        local small = process.run({ "hello", limits = { memory = "32MB", pids = 10 }, readonly = true })
        assert(small.exit_code == 0)
      end,
    },
  },
})
