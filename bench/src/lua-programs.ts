// The Lua that the virtual machines are measured with: each body returns a value that all of them
// agree on. Numbers stay within 32 bits, which is all that plain fengari has.

export interface LuaBenchProgram {
  readonly name: string;
  /** The body of a function. */
  readonly body: string;
  /** Whether the aim of at most 5 times PUC Lua's time is promised for it. */
  readonly promised: boolean;
}

export const programs: readonly LuaBenchProgram[] = [
  {
    name: 'fib(27)',
    promised: true,
    body: `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      return fib(27)`,
  },
  {
    name: 'strings: build, sort and join 200,000',
    promised: true,
    body: `local items = {}
      for i = 1, 200000 do items[i] = "item" .. (i * 7919 % 200003) end
      table.sort(items)
      return #table.concat(items, ",")`,
  },
  {
    name: 'sort: 100,000 numbers with an order function',
    promised: true,
    body: `local items = {}
      for i = 1, 100000 do items[i] = i * 7919 % 100003 end
      table.sort(items, function(a, b) return a > b end)
      return items[1] + items[100000]`,
  },
  {
    name: 'concat: 20,000 times one more character',
    promised: true,
    body: `local s = ""
      for i = 1, 20000 do s = s .. "x" end
      return #s`,
  },
  {
    name: 'patterns: gmatch and gsub over 1 MB',
    promised: false,
    body: `local text = ("key = value, number = 42; "):rep(40000)
      local count = 0
      for word in text:gmatch("%a+") do count = count + #word end
      local _, numbers = text:gsub("%d+", "<%0>")
      return count + numbers`,
  },
  {
    name: 'tables: 5,000,000 reads of a list',
    promised: false,
    body: `local list = {}
      for i = 1, 100000 do list[i] = i % 10 end
      local sum = 0
      for _ = 1, 50 do for i = 1, #list do sum = sum + list[i] end end
      return sum`,
  },
  {
    name: 'methods: 1,000,000 calls',
    promised: false,
    body: `local Counter = {}
      Counter.__index = Counter
      function Counter:add(n) self.count = self.count + n return self.count end
      local counter = setmetatable({ count = 0 }, Counter)
      for i = 1, 1000000 do counter:add(i % 3) end
      return counter.count`,
  },
  {
    name: 'closures: 1,000,000 calls, 100,000 made',
    promised: false,
    body: `local function counter() local n = 0 return function() n = n + 1 return n end end
      local next = counter()
      for _ = 1, 1000000 do next() end
      local made = {}
      for i = 1, 100000 do made[i] = function() return i end end
      return next() + made[7]()`,
  },
];
