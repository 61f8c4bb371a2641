-- The files of the program that the pipeline builds.
local sources = {}

sources.program = [==[
#include <stdio.h>
#include "greeting.h"

int main(int argc, char **argv) {
  if (argc > 3) {
    fprintf(stderr, "usage: greet [name [name]]\n");
    return 2;
  }
  if (argc == 3) {
    printf("%s, %s and %s\n", GREETING, argv[1], argv[2]);
  } else {
    printf("%s, %s\n", GREETING, argc == 2 ? argv[1] : "world");
  }
  return 0;
}
]==]

sources.makefile = [[
CC = tcc

bin/greet: src/greet.c src/greeting.h
	mkdir -p bin
	$(CC) $(CFLAGS) -Wall -o $@ src/greet.c
]]

function sources.header(greeting)
  return ('#define GREETING "%s"\n'):format(greeting)
end

return sources
