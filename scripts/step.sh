#!/bin/sh
# Run one step of make under a name and say how many seconds it took: step.sh NAME COMMAND...
name=$1
shift
echo "== $name"
start=$(date +%s)
"$@"
code=$?
if [ $code -eq 0 ]; then verdict=ok; else verdict="FAILED ($code)"; fi
echo "== $name: $verdict, $(($(date +%s) - start)) s"
exit $code
