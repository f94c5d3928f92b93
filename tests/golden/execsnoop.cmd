execsnoop --failed --bytes 400 -- sh -c 'env -i /bin/echo "two words" "" "it'"'"'s" $(printf "\377\033[1m") > /dev/null; /missing; sh -c : $(seq 200); (exec -a other true); /bin/bash -c "exec -a -other true"'
execsnoop
execsnoop --failed --user
--format json execsnoop
--bytes 100 execsnoop
