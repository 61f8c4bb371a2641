-- An image whose own entrypoint would end at once works as any other: Rivet does not run it.
return pipeline.define({
  name = "entrypoint-image",
  stages = {
    {
      name = "run",
      container = "localhost/rivet/entrypoint:latest",
      script = function()
        local result = process.run({ "echo", "it works", capture_stdout = true, check = true })
        output.set("said", result.stdout)
      end,
    },
    {
      name = "own entrypoint",
      container = { image = "localhost/rivet/entrypoint:latest", entrypoint = { "env", "WRAPPED=yes" } },
      script = function()
        output.set("wrapped", process.sh("echo $WRAPPED", { capture_stdout = true }).stdout)
      end,
    },
  },
})
