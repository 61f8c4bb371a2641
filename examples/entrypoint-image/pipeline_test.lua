local p = test.pipeline("pipeline.lua")

test.case("both stages run in the image, whatever its entrypoint", function()
  mock.process("echo it works", { stdout = "it works\n" })
  mock.process("echo $WRAPPED", { stdout = "yes\n" })
  local run = p:run()
  expect(run.outputs):equals({ said = "it works\n", wrapped = "yes\n" })
  expect(run:command("echo it works").image):equals("localhost/rivet/entrypoint:latest")
end)
