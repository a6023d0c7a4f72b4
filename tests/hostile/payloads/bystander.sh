# Holds a process that it has stopped itself: nobody else shall wake it before it does so.
(kill -STOP "$(exec sh -c 'echo $PPID')"; echo woken) &
held=$!
sleep 0.3
echo stopped
sleep 2
kill -CONT $held
wait
