-- A server that runs beside the tests, in the same container, and is stopped with it.
local BASE = "localhost/rivet/base:latest"

return pipeline.define({
  name = "spawned-server",
  stages = {
    {
      name = "test",
      container = { image = BASE, network = "none" },
      script = function()
        process.sh("mkdir -p site && echo 'it answers' > site/index.html")
        local server = process.spawn({ "httpd", "-f", "-v", "-p", "127.0.0.1:8080", "-h", "site" })
        local page
        for _ = 1, 100 do
          page = process.run({ "wget", "-q", "-O", "-", "http://127.0.0.1:8080/", capture_stdout = true })
          if page.exit_code == 0 then break end
          assert(server:running(), table.concat(server:logs(), "\n"))
          time.sleep(0.1)
        end
        output.set("page", page.stdout)
        assert(server:wait(0.1) == nil, "the server still runs")
        local stopped = server:stop()
        assert(stopped.signal == "SIGTERM" and not server:running())
      end,
    },
    {
      name = "left running",
      container = BASE,
      script = function()
        -- Stopped when the stage ends: nothing is left behind.
        process.spawn({ "sleep", "600" })
      end,
    },
  },
})
