runqlat --by pid -- sh -c 'sleep 0.01; true'
runqlat --by pid
--format json runqlat --by pid
