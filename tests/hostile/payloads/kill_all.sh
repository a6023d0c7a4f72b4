# Every signal that may end or hold PID 1, to it and to all.
trap '' TERM INT HUP
for signal in KILL STOP TERM INT HUP QUIT USR1 SEGV TSTP; do
    kill -$signal 1 2>/dev/null
done
echo still
kill -9 -1 2>/dev/null
echo survivor
