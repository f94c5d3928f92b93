runqlat -- taskset -c 0 sh -c 'timeout 0.1 sh -c "while :; do :; done" & timeout 0.1 sh -c "while :; do :; done"; wait'
runqlat
--format json runqlat
