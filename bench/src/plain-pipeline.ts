// The pipeline of benchmarks that measure what is around a job: its jobs do next to nothing.

/** Its name is `bench`. */
export const plainPipeline = `
return pipeline.define({
  name = "bench",
  stages = { { name = "one", script = function() log.info("hello") end } },
})`;
