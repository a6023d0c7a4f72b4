# Writes after its main process has ended.
(sleep 0.3; echo late) &
echo early
