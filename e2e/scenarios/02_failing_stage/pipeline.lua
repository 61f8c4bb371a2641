-- A stage fails: those after it are skipped, the one that always runs does.
return pipeline.define({
  name = "failing-stage",
  stages = {
    { name = "build", script = function() process.sh("echo before; exit 3") end },
    { name = "test", script = function() log.info("never seen") end },
    { name = "clean", always = true, script = function() log.info("cleaned up") end },
  },
})
