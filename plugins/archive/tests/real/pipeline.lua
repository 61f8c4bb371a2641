-- Extracts every hostile archive for real, makes archives of each kind, and says what became of them.
local archive = require("archive")

local function read(command)
  return process.sh(command, { capture_stdout = true }).stdout
end

local function hostile()
  local expected = json.decode(read("python3 hostile.py /workspace/hostile"))
  read("touch /tmp/marker && sleep 0.05")
  local results = {}
  for name, reason in pairs(expected) do
    local ok, problem = pcall(archive.extract, {
      file = "hostile/" .. name, into = "out/" .. name, image = false, size_max = "50MB", entries_max = 10000,
    })
    local listed = pcall(archive.list, { file = "hostile/" .. name, image = false, size_max = "50MB", entries_max = 10000 })
    results[name] = {
      expected = reason ~= json.null and reason or nil, ok = ok, listed = listed,
      problem = not ok and tostring(problem) or nil,
    }
  end
  output.set("results", json.encode(results))
  -- Whatever was written anywhere but below out, and what refused archives left there.
  -- /workspace and /.rivet may be of the same file system as all else.
  output.set("elsewhere", read("find / -xdev -newer /tmp/marker -not -path '/workspace/*' -not -path '/.rivet/*' -not -path '/proc/*' -not -path '*/__pycache__/*' -not -type d; find /workspace /tmp -newer /tmp/marker -not -path '/workspace/out*' -type f"))
  output.set("left", read("find out -mindepth 1 -not -path 'out/good*'"))
  output.set("tree", read("cd out/good.tar && find . | sort && cat a/b.txt && readlink a/link"))
  output.set("modes", read("stat -c %a out/good.zip/a/b.txt"))
end

local function round_trips()
  read("mkdir -p src/sub && printf one >src/one.txt && printf '#!/bin/sh\n' >src/sub/run && chmod 755 src/sub/run && ln -s one.txt src/link && printf no >src/skip.o")
  local sums = {}
  for _, ending in ipairs({ "tar", "tar.gz", "tar.zst", "zip" }) do
    local file = "made/a." .. ending
    local made = archive.create({ file = file, from = "src", exclude = { "*.o" }, mtime = 1700000000, image = false })
    local first = read("sha256sum < " .. file)
    archive.create({ file = file, from = "src", exclude = { "*.o" }, mtime = 1700000000, image = false })
    local names = {}
    for index, entry in ipairs(archive.list({ file = file, image = false })) do names[index] = entry.path .. ":" .. entry.type end
    archive.extract({ file = file, into = "back/" .. ending, image = false })
    sums[ending] = {
      entries = made.entries, names = names, same = first == read("sha256sum < " .. file),
      back = read("cd back/" .. ending .. " && find . -type f -perm -100 && cat one.txt && readlink link"),
    }
  end
  output.set("sums", json.encode(sums))
  local _, again = pcall(archive.extract, { file = "made/a.tar", into = "back/tar", image = false })
  local _, outside = pcall(archive.extract, { file = "made/a.tar", into = "../tmp", image = false })
  local _, missing = pcall(archive.list, { file = "nothing.tar", image = false })
  local _, through = pcall(archive.create, { file = "made/b.tar", paths = { "../etc" }, image = false })
  output.set("refusals", { tostring(again), tostring(outside), tostring(missing), tostring(through) })
end

return pipeline.define({
  name = "archives",
  plugins = { "archive" },
  stages = {
    { name = "hostile", container = "localhost/rivet/plugins:latest", script = hostile },
    { name = "round trips", container = "localhost/rivet/plugins:latest", script = round_trips },
  },
})
